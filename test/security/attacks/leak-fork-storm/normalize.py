"""First run: says `done` while a swarm of its children forks on, so that whoever cleans up is always late.
Second run: must be alone."""

import os

from probe import brief, attempt


def run(meta, raw):
    if brief(raw)["turn"] == 1:
        for _ in range(8):
            try:
                if os.fork() > 0:
                    continue
            except OSError:
                break
            os.setsid()
            while True:
                try:
                    os.fork()
                except OSError:
                    pass
        yield {"turn": 1}
        return
    yield attempt("processes", others)


def others():
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) > os.getppid() and int(name) != os.getpid()]
