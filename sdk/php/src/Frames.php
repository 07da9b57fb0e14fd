<?php

declare(strict_types=1);

namespace Whiskers;

/** Frames of the guest protocol, version 1 (protocol/README.md), over two streams. */
final class Frames
{
    public const RUN = 0x01;
    public const RAW = 0x02;
    public const READY = 0x10;
    public const RECORDS = 0x11;
    public const LOG = 0x12;
    public const DONE = 0x13;
    public const FAILED = 0x14;

    public const PAYLOAD_MAX_BYTES = 16 * 1024 * 1024;

    private const HEADER_BYTES = 9;
    /** As in sysexits.h: the host is gone, and there is nobody left to tell. */
    private const EXIT_HOST_GONE = 74;

    /** @var resource */
    private $input;
    /** @var resource */
    private $output;

    /**
     * @param resource $input
     * @param resource $output
     */
    public function __construct($input, $output)
    {
        $this->input = $input;
        $this->output = $output;
    }

    public function send(int $kind, int $run, string $payload): void
    {
        $rest = pack('NCN', strlen($payload), $kind, $run) . $payload;
        while ($rest !== '') {
            $written = @fwrite($this->output, $rest);
            if ($written === false || $written === 0) {
                exit(self::EXIT_HOST_GONE);
            }
            $rest = (string) substr($rest, $written);
        }
    }

    /**
     * Kind, run and length of the next frame; null at the end of the stream.
     * @return array{kind: int, run: int, length: int}|null
     */
    public function header(): ?array
    {
        $bytes = $this->read(self::HEADER_BYTES);
        if ($bytes === '') {
            return null;
        }
        if (strlen($bytes) < self::HEADER_BYTES) {
            throw new BadInput('the stream ended inside a header');
        }
        $header = unpack('Nlength/Ckind/Nrun', $bytes);
        if ($header['length'] > self::PAYLOAD_MAX_BYTES) {
            throw new BadInput("a frame of {$header['length']} bytes");
        }
        return $header;
    }

    public function payload(int $length): string
    {
        $bytes = $this->read($length);
        if (strlen($bytes) < $length) {
            throw new BadInput('the stream ended inside a frame');
        }
        return $bytes;
    }

    /** As many bytes, or fewer at the end of the stream. */
    private function read(int $length): string
    {
        $bytes = '';
        while (strlen($bytes) < $length) {
            $more = fread($this->input, $length - strlen($bytes));
            if ($more === false || $more === '') {
                break;
            }
            $bytes .= $more;
        }
        return $bytes;
    }
}
