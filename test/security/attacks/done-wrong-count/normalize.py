"""Counts more records in `done` than it gave."""

from probe import DONE, RECORDS, frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(RECORDS, number, b"{}\n") + frame(DONE, number, b"{\"records\": 2}"))
    wait_for_ever()
    yield {}
