<?php

/**
 * Runs a normalizer once by the plain form (protocol/README.md): `php plain.php 3<&0 4>&1 </dev/null >&2`, with
 * WHISKERS_PACKAGE and WHISKERS_ENTRYPOINT set. The raw file comes over descriptor 3, records go as JSON Lines to
 * descriptor 4, what is printed and logged to standard error; exit status 0 or 1. The meta is in the file that
 * WHISKERS_META names; not set: it follows from the raw file, as in `whiskers run`. An image that `whiskers build`
 * made starts this when nobody says otherwise.
 */

declare(strict_types=1);

namespace Whiskers;

require __DIR__ . '/autoload.php';

main();

/** Plays the host of the guest, for one run. */
function main(): void
{
    $raw = (string) stream_get_contents(fopen('php://fd/3', 'rb'));
    $folder = (string) getenv('WHISKERS_PACKAGE');
    $meta = meta($folder, $raw);
    $said = fopen('php://temp', 'w+b');
    $asked = fopen('php://temp', 'w+b');
    $frames = new Frames($said, $asked);
    $request = ['id' => $meta['raw_data']['id'], 'size' => strlen($raw), 'mime_types' => array_column($meta['raw_data']['mime_types'], 'value')];
    $frames->send(Frames::RUN, 1, Json::encode(['protocol' => 1, 'meta' => $meta, 'raws' => [$request]]));
    foreach ($raw === '' ? [] : str_split($raw, Frames::PAYLOAD_MAX_BYTES) as $part) {
        $frames->send(Frames::RAW, 1, $part);
    }
    $frames->send(Frames::RAW, 1, '');
    rewind($asked);
    // The guest adds its own to the end of the list, which says so when the normalizer ends the process; then it is our turn.
    register_shutdown_function(static function () use ($said): void {
        register_shutdown_function(static function () use ($said): void {
            exit(pass_on($said));
        });
    });
    (new Guest($asked, $said))->serve($folder, (string) getenv('WHISKERS_ENTRYPOINT'), false);
}

/**
 * Turns what the guest said into the plain form.
 * @param resource $said
 * @return int exit status
 */
function pass_on($said): int
{
    rewind($said);
    $frames = new Frames($said, $said);
    $records = fopen('php://fd/4', 'wb');
    $status = 1;
    while (($header = $frames->header()) !== null) {
        $payload = $frames->payload($header['length']);
        if ($header['kind'] === Frames::RECORDS) {
            fwrite($records, $payload);
        } elseif ($header['kind'] === Frames::LOG) {
            $entry = json_decode($payload, true);
            fwrite(STDERR, "{$entry['level']}: {$entry['message']}\n");
        } elseif ($header['kind'] === Frames::DONE) {
            $status = 0;
        } elseif ($header['kind'] === Frames::FAILED) {
            $failure = json_decode($payload, true);
            fwrite(STDERR, "{$failure['type']}: {$failure['message']}\n{$failure['stack']}\n");
        }
    }
    return $status;
}

function meta(string $folder, string $raw): array
{
    $file = (string) getenv('WHISKERS_META');
    if ($file !== '') {
        return json_decode((string) file_get_contents($file), true, 512, JSON_THROW_ON_ERROR);
    }
    $manifest = json_decode((string) file_get_contents("$folder/normalizer.json"), true, 512, JSON_THROW_ON_ERROR);
    return invented_meta($manifest['id'], $manifest['version'] ?? null, $raw);
}

/** Of a raw file that nothing is known of. The same as the host makes: nothing in it but what follows from the file. */
function invented_meta(string $normalizer, ?string $version, string $raw): array
{
    $noTime = '1970-01-01T00:00:00Z';
    $rawId = derived_id('raw', hash('sha256', $raw));
    return [
        'id' => derived_id('normalizer-meta', "$normalizer\0$rawId"),
        'raw_data' => [
            'id' => $rawId,
            'boefje_meta' => [
                'id' => derived_id('boefje-meta', $rawId),
                'started_at' => $noTime,
                'ended_at' => $noTime,
                'boefje' => ['id' => 'manual', 'version' => null],
                'input_ooi' => null,
                'arguments' => new \stdClass(),
                'organization' => 'local',
                'runnable_hash' => null,
                'environment' => null,
            ],
            'mime_types' => [['value' => 'boefje/manual'], ['value' => "normalizer/$normalizer"]],
            'secure_hash' => null,
            'signing_provider_url' => null,
            'hash_retrieval_link' => null,
        ],
        'normalizer' => ['id' => $normalizer, 'version' => $version],
        'started_at' => $noTime,
        'ended_at' => null,
    ];
}

/** A UUID of version 8, from the SHA-256 of what it names. */
function derived_id(string $kind, string $name): string
{
    $bytes = substr(hash('sha256', "whiskers\0$kind\0$name", true), 0, 16);
    $bytes[6] = chr(ord($bytes[6]) & 0x0f | 0x80);
    $bytes[8] = chr(ord($bytes[8]) & 0x3f | 0x80);
    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
}
