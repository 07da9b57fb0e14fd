"""Nothing but line breaks on descriptor 2: no bytes to speak of, entries without end."""

import os


def run(meta, raw):
    block = b"\n" * 65536
    while True:
        os.write(2, block)
    yield {}
