<?php

declare(strict_types=1);

namespace Whiskers;

/** One raw file of a run. */
final class RawFile
{
    public string $id;
    /** @var list<string> */
    public array $mimeTypes;
    public string $content;

    public function __construct(string $id, array $mimeTypes, string $content)
    {
        $this->id = $id;
        $this->mimeTypes = $mimeTypes;
        $this->content = $content;
    }
}
