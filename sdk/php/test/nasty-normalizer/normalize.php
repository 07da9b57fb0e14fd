<?php

/** What a normalizer may do, right and wrong. */

declare(strict_types=1);

namespace Nasty;

use Whiskers\Affirmation;
use Whiskers\Declaration;
use Whiskers\DerivedRaw;
use Whiskers\Hostname;
use Whiskers\IPAddressV4;
use Whiskers\Log;
use Whiskers\Network;
use Whiskers\ScanProfile;

function none()
{
    return null;
}

function single()
{
    return ['object_type' => 'Network', 'name' => 'x'];
}

function several()
{
    return [['record_type' => 'a'], ['record_type' => 'b']];
}

function text()
{
    return 'text';
}

function notUtf8()
{
    yield ['object_type' => 'Network', 'name' => "\xff"];
}

function notANumber()
{
    yield new Affirmation(new Network(['name' => NAN]));
}

function noRecord()
{
    yield 5;
}

function noField()
{
    yield new Network(['nmae' => 'x']);
}

function huge()
{
    yield ['object_type' => 'Network', 'name' => str_repeat('x', 17 * 1024 * 1024)];
}

function raises()
{
    yield ['record_type' => 'before'];
    try {
        throw new \LogicException('inner');
    } catch (\LogicException $error) {
        throw new \DomainException('outer', 0, $error);
    }
}

function leaves()
{
    yield ['record_type' => 'before'];
    exit(0);
}

function hoards()
{
    yield ['record_type' => 'before'];
    $kept = [];
    while (true) {
        $kept[] = str_repeat('x', 1024 * 1024);
    }
}

function warns()
{
    Log::warning('of the log');
    echo 'of echo', "\n";
    $unset = [];
    yield ['record_type' => 'a', 'value' => $unset['nothing'] ?? null, 'other' => @$unset['quiet']];
    trigger_error('of PHP', E_USER_WARNING);
}

function references()
{
    $network = new Network(['name' => 'internet']);
    $address = new IPAddressV4(['network' => $network, 'address' => '192.0.2.1']);
    yield $address;
    yield $address;
    yield ['object_type' => 'Hostname', 'network' => $network, 'name' => 'x'];
}

function others()
{
    $host = new Hostname(['network' => 'Network|internet', 'name' => 'a.b']);
    $host->registered_domain = $host;
    yield new Declaration($host, new \DateTimeImmutable('@0'));
    yield new Affirmation(['object_type' => 'Network', 'name' => 'x']);
    yield new ScanProfile($host, 2);
    yield new DerivedRaw("\x00\xff", ['a/b']);
}
