<?php

declare(strict_types=1);

namespace Whiskers;

/** A raw file that was found in the raw file. */
final class DerivedRaw
{
    /** Its bytes. */
    public string $content;
    /** @var list<string> */
    public array $mimeTypes;

    public function __construct(string $content, array $mimeTypes)
    {
        $this->content = $content;
        $this->mimeTypes = $mimeTypes;
    }
}
