"""Prints without end."""


def run(meta, raw):
    while True:
        print("x" * 65536)
    yield {}
