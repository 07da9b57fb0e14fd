"""A daemon that never stays in one process: each generation forks the next and dies, so a list of pids is always old."""

import os


def run(meta, raw):
    for _ in range(4):
        if os.fork() == 0:
            os.setsid()
            while True:
                try:
                    if os.fork() > 0:
                        os._exit(0)
                except OSError:
                    pass
    yield {"left": "a fugitive"}
