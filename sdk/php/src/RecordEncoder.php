<?php

declare(strict_types=1);

namespace Whiskers;

/** Turns what one run's normalizer gives into JSON, one record a line. References by object become links. */
final class RecordEncoder
{
    /** Number of each object that was given or referred to. */
    private \SplObjectStorage $numbers;
    /** Objects that were referred to, and are yet to be given. */
    private \SplObjectStorage $undefined;
    /** Objects whose `$id` is in the output. */
    private \SplObjectStorage $defined;

    public function __construct()
    {
        $this->numbers = new \SplObjectStorage();
        $this->undefined = new \SplObjectStorage();
        $this->defined = new \SplObjectStorage();
    }

    /** @param mixed $given */
    public static function isRecord($given): bool
    {
        return $given instanceof OpenKatObject || $given instanceof Declaration || $given instanceof Affirmation
            || $given instanceof ScanProfile || $given instanceof DerivedRaw || $given instanceof \stdClass
            || (is_array($given) && (isset($given['object_type']) || isset($given['record_type'])));
    }

    /** @param mixed $value */
    public static function nameOf($value): string
    {
        return is_object($value) ? get_class($value) : gettype($value);
    }

    /**
     * One record as JSON, without a line break.
     * @param mixed $record
     * @throws \TypeError what was given is no record
     * @throws \JsonException it holds a value that has no JSON form
     */
    public function encode($record): string
    {
        return self::write($this->toPlain($record));
    }

    /**
     * Once the normalizer has given all: names the objects that were only referred to.
     * @return iterable<string>
     */
    public function finish(): iterable
    {
        while ($this->undefined->count() > 0) {
            // Writing one may refer to more.
            $this->undefined->rewind();
            $object = $this->undefined->current();
            yield self::write(['record_type' => 'reference', 'object' => $this->define($object)]);
        }
    }

    /** @param mixed $record */
    private function toPlain($record): array
    {
        if ($record instanceof OpenKatObject) {
            return $this->define($record);
        }
        if ($record instanceof Declaration) {
            $object = $this->held($record->object);
            return ['record_type' => 'declaration', 'object' => $object, 'end_valid_time' => $this->value($record->endValidTime)];
        }
        if ($record instanceof Affirmation) {
            return ['record_type' => 'affirmation', 'object' => $this->held($record->object)];
        }
        if ($record instanceof ScanProfile) {
            $reference = $this->value($record->reference);
            return ['record_type' => 'scan_profile', 'reference' => $reference, 'level' => $record->level];
        }
        if ($record instanceof DerivedRaw) {
            return ['record_type' => 'raw', 'mime_types' => $record->mimeTypes, 'content' => base64_encode($record->content)];
        }
        if (self::isRecord($record)) {
            return array_map([$this, 'value'], (array) $record);
        }
        $name = self::nameOf($record);
        throw new \TypeError("a record is an array with object_type, or of a class of this SDK, not $name");
    }

    /** @param OpenKatObject|array|mixed $object */
    private function held($object): array
    {
        if ($object instanceof OpenKatObject) {
            return $this->define($object);
        }
        if (is_array($object)) {
            return array_map([$this, 'value'], $object);
        }
        throw new \TypeError('an object with object_type is needed, not ' . self::nameOf($object));
    }

    private function define(OpenKatObject $object): array
    {
        $plain = ['object_type' => $object->objectType()] + array_map([$this, 'value'], $object->values());
        if (isset($this->defined[$object])) {
            return $plain;
        }
        $this->defined[$object] = true;
        unset($this->undefined[$object]);
        return ['$id' => $this->idOf($object)] + $plain;
    }

    /**
     * @param mixed $value
     * @return mixed
     */
    private function value($value)
    {
        if ($value instanceof OpenKatObject) {
            if (!isset($this->defined[$value])) {
                $this->undefined[$value] = true;
            }
            return ['$ref' => '#' . $this->idOf($value)];
        }
        return $value instanceof \DateTimeInterface ? $value->format('Y-m-d\TH:i:s.uP') : $value;
    }

    private function idOf(OpenKatObject $object): string
    {
        if (!isset($this->numbers[$object])) {
            $this->numbers[$object] = $this->numbers->count() + 1;
        }
        // Ids that a normalizer writes by hand are unlikely to look like this.
        return '~' . $this->numbers[$object];
    }

    private static function write(array $plain): string
    {
        try {
            return Json::encode($plain);
        } catch (\JsonException $error) {
            $found = self::unwritable($plain) ?? self::unwritable((array) ($plain['object'] ?? []));
            throw $found ?? $error;
        }
    }

    /** The same error with the name of the field, which JSON's own does not have. */
    private static function unwritable(array $fields): ?\JsonException
    {
        foreach ($fields as $field => $value) {
            try {
                Json::encode($value);
            } catch (\JsonException $error) {
                if ($field !== 'object') {
                    return new \JsonException("field $field: {$error->getMessage()}", $error->getCode(), $error);
                }
            }
        }
        return null;
    }
}
