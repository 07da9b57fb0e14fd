"""A giant frame that is promised and then given byte by byte, for ever."""

import time

from probe import RECORDS, run_number, send


def run(meta, raw):
    send((8 << 20).to_bytes(4, "big") + bytes([RECORDS]) + run_number().to_bytes(4, "big"))
    while True:
        send(b" ")
        time.sleep(0.01)
    yield {}
