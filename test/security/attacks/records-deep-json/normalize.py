"""A record nested a hundred thousand deep, and then `done`."""

from probe import DONE, RECORDS, frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(RECORDS, number, b"{\"x\": " * 100000 + b"1" + b"}" * 100000 + b"\n") + frame(DONE, number, b"{}"))
    wait_for_ever()
    yield {}
