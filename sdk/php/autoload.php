<?php

/** For the guest, which runs without composer. The 70 object classes are read when the first is asked for. */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (strncmp($class, 'Whiskers\\', 9) !== 0) {
        return;
    }
    $file = __DIR__ . '/src/' . substr($class, 9) . '.php';
    require_once is_file($file) ? $file : __DIR__ . '/src/objects.php';
});
