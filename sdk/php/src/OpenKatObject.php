<?php

declare(strict_types=1);

namespace Whiskers;

/**
 * An OpenKAT object. A field that refers to another object takes that object, or its primary key as a string.
 *
 *     new Hostname(network: $network, name: 'example.com')              PHP 8
 *     new Hostname(['network' => $network, 'name' => 'example.com'])    PHP 7.4 too
 *
 * Values are not checked here: the host checks everything, once, and says what is wrong with which record.
 */
abstract class OpenKatObject
{
    /** Names of the fields, in their order. */
    public const FIELDS = [];

    /** @var array<string, mixed> */
    private array $values = [];

    /** @param mixed ...$fields by name, or one array of them */
    public function __construct(...$fields)
    {
        $named = count($fields) === 1 && is_array($fields[0] ?? null) ? $fields[0] : $fields;
        foreach ($named as $field => $value) {
            $this->__set((string) $field, $value);
        }
    }

    public function objectType(): string
    {
        return substr(strrchr(static::class, '\\'), 1);
    }

    /** @return array<string, mixed> those that were given */
    public function values(): array
    {
        return $this->values;
    }

    /** @return mixed null when it was not given */
    public function __get(string $field)
    {
        return $this->values[self::known($field)] ?? null;
    }

    /** @param mixed $value */
    public function __set(string $field, $value): void
    {
        $this->values[self::known($field)] = $value;
    }

    public function __isset(string $field): bool
    {
        return isset($this->values[$field]);
    }

    private static function known(string $field): string
    {
        if (!in_array($field, static::FIELDS, true)) {
            $fields = implode(', ', static::FIELDS);
            throw new \InvalidArgumentException(static::class . " has no field $field; it has: $fields");
        }
        return $field;
    }
}
