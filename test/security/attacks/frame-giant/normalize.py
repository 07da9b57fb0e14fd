"""A frame that promises four gigabytes."""

from probe import RECORDS, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(b"\xff\xff\xff\xff" + bytes([RECORDS]) + number.to_bytes(4, "big"))
    wait_for_ever()
    yield {}
