"""Says `ready` in the middle of its run, with which it would get the next one."""

from probe import READY, frame, send, wait_for_ever


def run(meta, raw):
    send(frame(READY, 0, b"{\"protocols\": [1]}"))
    wait_for_ever()
    yield {}
