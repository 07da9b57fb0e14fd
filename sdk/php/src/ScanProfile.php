<?php

declare(strict_types=1);

namespace Whiskers;

/** The level, 0 to 4, to which an object may be scanned. */
final class ScanProfile
{
    /** @var OpenKatObject|string The object, or its primary key. */
    public $reference;
    public int $level;

    /** @param OpenKatObject|string $reference */
    public function __construct($reference, int $level)
    {
        $this->reference = $reference;
        $this->level = $level;
    }
}
