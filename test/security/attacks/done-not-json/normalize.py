"""`done` with a payload that is not JSON."""

from probe import DONE, frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(DONE, number, b"\xff\xfe not json"))
    wait_for_ever()
    yield {}
