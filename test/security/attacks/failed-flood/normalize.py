"""`failed` with a message of twelve megabytes: an error message is not a way to move data."""

from probe import FAILED, frame, run_number, send, wait_for_ever


def run(meta, raw):
    text = b"A" * (4 << 20)
    send(frame(FAILED, run_number(), b'{"type": "%s", "message": "%s", "stack": "%s"}' % (text, text, text)))
    wait_for_ever()
    yield {}
