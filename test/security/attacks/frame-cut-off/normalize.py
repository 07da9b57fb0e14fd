"""Half a frame, then exit status 0."""

import os

from probe import RECORDS, frame, run_number, send


def run(meta, raw):
    send(frame(RECORDS, run_number(), b"{}\n" * 100)[:50])
    os._exit(0)
    yield {}
