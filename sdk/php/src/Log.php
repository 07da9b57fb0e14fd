<?php

declare(strict_types=1);

namespace Whiskers;

/** The log of a run, for people. What is printed, and PHP's own warnings, end up in the same log. */
final class Log
{
    private const MESSAGE_MAX_BYTES = 64 * 1024;

    private static ?RunOutput $output = null;

    public static function debug(string $message): void
    {
        self::write('debug', $message);
    }

    public static function info(string $message): void
    {
        self::write('info', $message);
    }

    public static function warning(string $message): void
    {
        self::write('warning', $message);
    }

    public static function error(string $message): void
    {
        self::write('error', $message);
    }

    /** Called by the guest at both ends of a run. */
    public static function attach(?RunOutput $output): void
    {
        self::$output = $output;
    }

    /** Outside a run it goes to standard error, which is kept too. */
    private static function write(string $level, string $message): void
    {
        $text = substr($message, 0, self::MESSAGE_MAX_BYTES);
        if (self::$output === null) {
            fwrite(STDERR, "$text\n");
        } else {
            self::$output->log($level, $text);
        }
    }
}
