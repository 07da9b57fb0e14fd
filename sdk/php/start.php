<?php

/**
 * Starts the guest: `php start.php 3<&0 4>&1 </dev/null >&2`, with WHISKERS_PACKAGE, WHISKERS_ENTRYPOINT
 * (`file:function`) and WHISKERS_STATE set. The protocol runs over descriptors 3 and 4, so whatever prints to
 * standard output, PHP or a program that it calls, prints to the log.
 */

declare(strict_types=1);

require __DIR__ . '/autoload.php';

exit((new Whiskers\Guest(fopen('php://fd/3', 'rb'), fopen('php://fd/4', 'wb')))->serve(
    (string) getenv('WHISKERS_PACKAGE'),
    (string) getenv('WHISKERS_ENTRYPOINT'),
    getenv('WHISKERS_STATE') === 'reuse'
));
