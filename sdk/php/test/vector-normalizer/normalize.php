<?php

/** The fixture normalizer of protocol/vectors/README.md. */

declare(strict_types=1);

use Whiskers\Log;
use Whiskers\Meta;

function run(Meta $meta): iterable
{
    static $runs = 0;
    $what = $meta->input ?? [];
    switch ($what['do'] ?? '') {
        case 'describe':
            Log::info(count($meta->raws) . ' raw files');
            foreach ($meta->raws as $raw) {
                yield [
                    'record_type' => 'vector',
                    'id' => $raw->id,
                    'mime_types' => $raw->mimeTypes,
                    'size' => strlen($raw->content),
                    'sha256' => hash('sha256', $raw->content),
                ];
            }
            break;
        case 'count':
            for ($i = 0; $i < $what['n']; $i += 1) {
                yield ['record_type' => 'vector', 'i' => $i];
            }
            break;
        case 'text':
            yield ['record_type' => 'vector', 'text' => $what['text']];
            break;
        case 'print':
            echo $what['text'], "\n";
            fwrite(STDOUT, "and once more\n");
            system('echo and a child');
            yield ['record_type' => 'vector', 'printed' => true];
            break;
        case 'raise':
            yield ['record_type' => 'vector', 'before' => true];
            throw new RuntimeException($what['message']);
        case 'remember':
            $runs += 1;
            yield ['record_type' => 'vector', 'runs' => $runs];
            break;
    }
}
