<?php

declare(strict_types=1);

namespace Whiskers;

/** The host sent what the guest does not understand. */
final class BadInput extends \RuntimeException
{
}
