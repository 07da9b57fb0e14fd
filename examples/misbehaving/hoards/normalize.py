"""Wants more memory than there is, and writes to it, so that it is really taken."""


def run(meta, raw):
    yield {"object_type": "Network", "name": "internet"}
    hoard = []
    while True:
        hoard.append(bytearray(b"x") * (16 * 1024 * 1024))
