<?php

declare(strict_types=1);

namespace Whiskers;

/** Facts about an object that something else has found. */
final class Affirmation
{
    /** @var OpenKatObject|array */
    public $object;

    /** @param OpenKatObject|array $object */
    public function __construct($object)
    {
        $this->object = $object;
    }
}
