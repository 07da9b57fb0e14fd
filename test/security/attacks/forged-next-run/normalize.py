"""Ends its run and at once forges `ready` and the whole of the next run."""

from probe import DONE, READY, RECORDS, frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(DONE, number, b"{}") + frame(READY, 0, b"{}") + frame(RECORDS, number + 1, b"{\"forged\": true}\n") + frame(DONE, number + 1, b"{}"))
    wait_for_ever()
    yield {}
