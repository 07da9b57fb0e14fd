"""Gives signs of life without end, so that a limit on silence would never fire."""

import time


def run(meta, raw):
    while True:
        yield {"tick": time.time()}
        time.sleep(0.05)
