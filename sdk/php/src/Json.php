<?php

declare(strict_types=1);

namespace Whiskers;

/** How this SDK writes JSON. */
final class Json
{
    /**
     * @param mixed $value
     * @throws \JsonException text that is not UTF-8, a number that is none, what holds itself
     */
    public static function encode($value): string
    {
        return json_encode(
            $value,
            JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR
        );
    }
}
