<?php

/** Every line of the raw file that is a hostname. */

declare(strict_types=1);

use Whiskers\Hostname;
use Whiskers\Log;
use Whiskers\Meta;
use Whiskers\Network;

const HOSTNAME = '/^[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*$/D';

function run(Meta $meta, string $raw): iterable
{
    $internet = new Network(['name' => 'internet']);
    yield $internet;
    $names = array_unique(array_filter(array_map('trim', explode("\n", strtolower($raw)))));
    foreach ($names as $name) {
        if (strlen($name) <= 253 && preg_match(HOSTNAME, $name)) {
            yield new Hostname(['network' => $internet, 'name' => $name]);
        }
    }
    Log::info(count($names) . ' different lines');
}
