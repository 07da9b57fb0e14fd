"""A frame of a kind that does not exist."""

from probe import frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(0x7F, number))
    wait_for_ever()
    yield {}
