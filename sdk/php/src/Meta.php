<?php

declare(strict_types=1);

namespace Whiskers;

/** The NormalizerMeta, used as an array: `$meta['raw_data']['boefje_meta']`; plus two short cuts. */
final class Meta extends \ArrayObject
{
    /** The object that was scanned, as an array, or null. */
    public ?array $input;

    /** @var list<RawFile> Every raw file of the run; the first is the one that is given as `$raw`. */
    public array $raws;

    public function __construct(array $meta, array $raws)
    {
        parent::__construct($meta);
        $this->input = $meta['raw_data']['boefje_meta']['arguments']['input'] ?? null;
        $this->raws = $raws;
    }
}
