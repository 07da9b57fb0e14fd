"""Threads without end, each busy."""

import threading


def run(meta, raw):
    while True:
        try:
            threading.Thread(target=spin, daemon=True).start()
        except (RuntimeError, MemoryError):
            pass
    yield {}


def spin():
    while True:
        pass
