"""Writes to descriptor 2 without end and without a line break."""

import os


def run(meta, raw):
    block = b"x" * 65536
    while True:
        os.write(2, block)
    yield {}
