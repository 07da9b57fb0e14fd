"""Descriptors: as many as there are, and the limit raised first if that can be done."""

import os
import resource

from probe import fact


def run(meta, raw):
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
    except (OSError, ValueError):
        pass
    opened = []
    try:
        while len(opened) < 100_000:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for descriptor in opened:
        os.close(descriptor)
    yield fact("descriptors", len(opened))
