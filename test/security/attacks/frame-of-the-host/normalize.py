"""A `run` frame, which only the host may send."""

from probe import frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(0x01, number, b"{}"))
    wait_for_ever()
    yield {}
