<?php

declare(strict_types=1);

namespace Whiskers;

/** An object that exists because somebody says so, until `$endValidTime` if that is given. */
final class Declaration
{
    /** @var OpenKatObject|array */
    public $object;
    /** @var string|\DateTimeInterface|null */
    public $endValidTime;

    /**
     * @param OpenKatObject|array $object
     * @param string|\DateTimeInterface|null $endValidTime
     */
    public function __construct($object, $endValidTime = null)
    {
        $this->object = $object;
        $this->endValidTime = $endValidTime;
    }
}
