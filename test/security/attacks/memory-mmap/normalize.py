"""Memory as mappings, private, shared and in a memory file, caught MemoryErrors notwithstanding."""

import mmap
import os

from probe import fact

STEP = 8 << 20


def run(meta, raw):
    hoard, got = [], 0
    for take in (private, shared, memory_file):
        try:
            while got < 4 << 30:
                mapping = take()
                for page in range(0, STEP, 4096):
                    mapping[page] = 1
                hoard.append(mapping)
                got += STEP
        except (OSError, MemoryError, ValueError):
            continue
    yield fact("memoryBytes", got)


def private():
    return mmap.mmap(-1, STEP, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


def shared():
    return mmap.mmap(-1, STEP, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)


def memory_file():
    descriptor = os.memfd_create("hoard")
    os.ftruncate(descriptor, STEP)
    return mmap.mmap(descriptor, STEP)
