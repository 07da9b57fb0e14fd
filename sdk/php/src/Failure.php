<?php

declare(strict_types=1);

namespace Whiskers;

/** The JSON of a `failed` frame. */
final class Failure
{
    private const TYPE_MAX_BYTES = 256;
    private const MESSAGE_MAX_BYTES = 4 * 1024;
    private const STACK_MAX_BYTES = 16 * 1024;

    public static function payload(\Throwable $error, string $reason): string
    {
        return self::encode(get_class($error), $error->getMessage(), self::stackOf($error), $reason);
    }

    /** @param array|null $last error_get_last(); null: there was none, so the normalizer called `exit` */
    public static function ofShutdown(?array $last, bool $loading): string
    {
        $isFatal = $last !== null && ($last['type'] & (E_ERROR | E_CORE_ERROR | E_COMPILE_ERROR | E_PARSE)) !== 0;
        if (!$isFatal) {
            return self::encode('Exit', 'called exit before it was done', '', $loading ? 'load' : 'raised');
        }
        $isMemory = strncmp($last['message'], 'Allowed memory size', 19) === 0;
        $reason = $loading ? 'load' : ($isMemory ? 'memory' : 'raised');
        return self::encode('FatalError', $last['message'], "{$last['file']}:{$last['line']}", $reason);
    }

    /** With causes, and without the frames of this SDK. */
    private static function stackOf(\Throwable $error): string
    {
        $parts = [];
        for ($next = $error; $next !== null; $next = $next->getPrevious()) {
            $lines = [get_class($next) . ": {$next->getMessage()} at {$next->getFile()}:{$next->getLine()}"];
            foreach ($next->getTrace() as $frame) {
                if (strncmp($frame['file'] ?? '', __DIR__, strlen(__DIR__)) === 0 || !isset($frame['file'])) {
                    continue;
                }
                $lines[] = "  at {$frame['function']} ({$frame['file']}:{$frame['line']})";
            }
            $parts[] = implode("\n", $lines);
        }
        return implode("\nCaused by: ", $parts);
    }

    private static function encode(string $type, string $message, string $stack, string $reason): string
    {
        if (strlen($stack) > self::STACK_MAX_BYTES) {
            $half = intdiv(self::STACK_MAX_BYTES, 2);
            $stack = substr($stack, 0, $half) . "\n  ...\n" . substr($stack, -$half);
        }
        return (string) json_encode(
            [
                'type' => substr($type, 0, self::TYPE_MAX_BYTES),
                'message' => substr($message, 0, self::MESSAGE_MAX_BYTES),
                'stack' => $stack,
                'reason' => $reason,
            ],
            JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE
        );
    }
}
