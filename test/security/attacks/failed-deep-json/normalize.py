"""`failed` nested a hundred thousand deep."""

from probe import FAILED, frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(FAILED, number, b"{\"type\": " + b"[" * 100000 + b"]" * 100000 + b"}"))
    wait_for_ever()
    yield {}
