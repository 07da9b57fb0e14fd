"""Tiny records without end: few bytes, many records."""

from probe import RECORDS, frame, run_number, send


def run(meta, raw):
    block = frame(RECORDS, run_number(), b"{}\n" * 20000)
    while True:
        send(block)
    yield {}
