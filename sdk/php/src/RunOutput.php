<?php

declare(strict_types=1);

namespace Whiskers;

/** Takes what a normalizer gives, gathers records into frames, and sends what a run has to say. */
final class RunOutput
{
    private const BATCH_BYTES = 64 * 1024;
    private const BATCH_SECONDS = 1.0;

    public int $count = 0;
    private Frames $frames;
    private int $run;
    private RecordEncoder $encoder;
    private string $batch = '';
    private float $sentAt;

    public function __construct(Frames $frames, int $run)
    {
        $this->frames = $frames;
        $this->run = $run;
        $this->encoder = new RecordEncoder();
        $this->sentAt = microtime(true);
    }

    /** @param mixed $given null, one record, or any iterable of them */
    public function collect($given): void
    {
        if ($given === null) {
            return;
        }
        if (RecordEncoder::isRecord($given)) {
            $this->record($given);
        } elseif (is_iterable($given)) {
            foreach ($given as $record) {
                $this->record($record);
            }
        } else {
            throw new \TypeError('the normalizer gave ' . RecordEncoder::nameOf($given) . ' instead of records');
        }
    }

    /** Sends what is left, once the normalizer has given all. */
    public function finish(): void
    {
        foreach ($this->encoder->finish() as $line) {
            $this->add($line);
        }
        $this->flush();
    }

    public function flush(): void
    {
        $this->sentAt = microtime(true);
        if ($this->batch !== '') {
            $this->send(Frames::RECORDS, $this->batch);
            $this->batch = '';
        }
    }

    public function log(string $level, string $message): void
    {
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE;
        $this->send(Frames::LOG, json_encode(['level' => $level, 'message' => $message], $flags) . "\n");
    }

    public function send(int $kind, string $payload): void
    {
        $this->frames->send($kind, $this->run, $payload);
    }

    /** @param mixed $record */
    private function record($record): void
    {
        try {
            $line = $this->encoder->encode($record);
        } catch (\JsonException | \TypeError $error) {
            throw new \TypeError("record {$this->count} cannot be written as JSON: {$error->getMessage()}", 0, $error);
        }
        $this->add($line);
    }

    private function add(string $line): void
    {
        $bytes = strlen($line) + 1;
        if ($bytes > Frames::PAYLOAD_MAX_BYTES) {
            throw new \LengthException("record {$this->count} does not fit into a frame: it has $bytes bytes");
        }
        if (strlen($this->batch) + $bytes > Frames::PAYLOAD_MAX_BYTES) {
            $this->flush();
        }
        $this->count += 1;
        $this->batch .= "$line\n";
        if (strlen($this->batch) >= self::BATCH_BYTES || microtime(true) - $this->sentAt >= self::BATCH_SECONDS) {
            $this->flush();
        }
    }
}
