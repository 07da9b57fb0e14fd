<?php

declare(strict_types=1);

namespace Whiskers;

/**
 * The guest's side of the guest protocol, version 1.
 *
 *     loading ──ready──▶ waiting ──run──▶ working ──done|failed──▶ waiting (after ready) or the end
 *        └──failed(0)──▶ the end   └──end of input──▶ the end
 *
 * `fork` is not offered: PHP can fork, but not do what the protocol asks of a parent whose children are hostile.
 */
final class Guest
{
    public const VERSION = '0.1.0';

    /** As in sysexits.h. */
    private const EXIT_BAD_INPUT = 65;

    private Frames $frames;
    /** Of the run that is being worked on. */
    private ?RunOutput $output = null;

    /**
     * @param resource $input
     * @param resource $output
     */
    public function __construct($input, $output)
    {
        $this->frames = new Frames($input, $output);
    }

    /**
     * Loads the normalizer, then runs it once, or until the input ends.
     * @param string $entrypoint `file:function`
     * @return int exit status
     */
    public function serve(string $folder, string $entrypoint, bool $reuse): int
    {
        $isLoaded = false;
        // Whatever ends the process in the middle of a run is said to the host first.
        register_shutdown_function(function () use (&$isLoaded): void {
            $this->abandon($isLoaded);
        });
        try {
            $normalizer = self::load($folder, $entrypoint);
        } catch (\Throwable $error) {
            $isLoaded = true;
            $this->frames->send(Frames::FAILED, 0, Failure::payload($error, 'load'));
            return 1;
        }
        $isLoaded = true;
        $this->frames->send(Frames::READY, 0, self::readyPayload());
        try {
            while ($this->runNext($normalizer) && $reuse) {
                $this->frames->send(Frames::READY, 0, '{}');
            }
        } catch (BadInput $error) {
            fwrite(STDERR, "whiskers: {$error->getMessage()}\n");
            return self::EXIT_BAD_INPUT;
        }
        return 0;
    }

    private static function load(string $folder, string $entrypoint): callable
    {
        [$file, $function] = explode(':', $entrypoint, 2) + [1 => 'run'];
        $path = "$folder/$file";
        if (!is_file($path)) {
            throw new \RuntimeException("there is no file $file in the package");
        }
        chdir($folder);
        // Libraries that composer installed: apart from the code, or in the package itself.
        foreach ([getenv('WHISKERS_DEPENDENCIES'), $folder] as $libraries) {
            if (is_string($libraries) && is_file("$libraries/vendor/autoload.php")) {
                require_once "$libraries/vendor/autoload.php";
            }
        }
        // A function, so that the file shares no variables with the guest.
        (static function (string $path): void {
            require_once $path;
        })($path);
        if (!is_callable($function)) {
            throw new \RuntimeException("$file defines no function $function");
        }
        return $function;
    }

    private static function readyPayload(): string
    {
        return Json::encode([
            'protocols' => [1],
            'sdk' => ['name' => 'whiskers-php', 'version' => self::VERSION],
            'language' => ['name' => 'php', 'version' => PHP_VERSION],
            'fork' => false,
        ]);
    }

    /** False: there are no more runs. */
    private function runNext(callable $normalizer): bool
    {
        $header = $this->frames->header();
        if ($header === null) {
            return false;
        }
        if ($header['kind'] !== Frames::RUN) {
            throw new BadInput("a frame of kind {$header['kind']} instead of run");
        }
        $request = json_decode($this->frames->payload($header['length']), true);
        if (!is_array($request) || !isset($request['meta'], $request['raws'])) {
            throw new BadInput('a run without meta or raws');
        }
        $this->output = new RunOutput($this->frames, $header['run']);
        $raws = $this->readRaws($request['raws'], $header['run']);
        $this->work($normalizer, new Meta($request['meta'], $raws), $raws === [] ? '' : $raws[0]->content);
        return true;
    }

    /** @return list<RawFile> */
    private function readRaws(array $list, int $run): array
    {
        $raws = [];
        foreach ($list as $entry) {
            $content = '';
            while (strlen($content) < $entry['size']) {
                $length = $this->rawLength($run);
                if ($length === 0 || strlen($content) + $length > $entry['size']) {
                    throw new BadInput('a raw frame that does not fit its file');
                }
                $content .= $this->frames->payload($length);
            }
            $raws[] = new RawFile((string) $entry['id'], $entry['mime_types'] ?? [], $content);
        }
        if ($this->rawLength($run) !== 0) {
            throw new BadInput('more bytes than the raw files have');
        }
        return $raws;
    }

    private function rawLength(int $run): int
    {
        $header = $this->frames->header();
        if ($header === null || $header['kind'] !== Frames::RAW || $header['run'] !== $run) {
            throw new BadInput('not the raw frame that was expected');
        }
        return $header['length'];
    }

    private function work(callable $normalizer, Meta $meta, string $raw): void
    {
        $output = $this->output;
        Log::attach($output);
        try {
            $output->collect($normalizer($meta, $raw));
            $output->finish();
            $kind = Frames::DONE;
            $payload = '{"records":' . $output->count . '}';
        } catch (\Throwable $error) {
            $output->flush();
            $kind = Frames::FAILED;
            $payload = Failure::payload($error, 'raised');
        }
        $this->output = null;
        Log::attach(null);
        $output->send($kind, $payload);
    }

    /** The process ends before its time: `exit`, or an error that PHP lets nobody catch. */
    private function abandon(bool $isLoaded): void
    {
        $output = $this->output;
        if ($isLoaded && $output === null) {
            return;
        }
        $this->output = null;
        ini_set('memory_limit', '-1');
        $payload = Failure::ofShutdown(error_get_last(), !$isLoaded);
        if ($output === null) {
            $this->frames->send(Frames::FAILED, 0, $payload);
            return;
        }
        $output->flush();
        $output->send(Frames::FAILED, $payload);
    }
}
