"""Second run: looks through all of its own memory for what the first run was given."""

import random
import re

from probe import attempt, brief, fact

loaded = {"runs": 0}


def run(meta, raw):
    loaded["runs"] += 1
    if brief(raw)["turn"] == 1:
        loaded["secret"] = bytes(raw)
        yield fact("random", random.random())
        return
    yield fact("random", random.random())
    yield attempt("module-state", lambda: loaded["runs"] > 1 or "secret" in loaded)
    yield attempt("memory", search)


def search():
    # The pattern does not match its own source.
    pattern = re.compile(rb"secret-of-turn-[1][0-9a-f]{32}")
    found = []
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:
        for line in maps:
            span, mode, *_ = line.split()
            if not mode.startswith("r") or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            try:
                memory.seek(start)
                content = memory.read(min(end - start, 64 << 20))
            except (OSError, ValueError):
                continue
            if pattern.search(content):
                found.append(line.strip())
    return found
