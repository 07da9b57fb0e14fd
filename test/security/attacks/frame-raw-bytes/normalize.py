"""Bytes that are no frames."""

from probe import run_number, send, wait_for_ever


def run(meta, raw):
    send(b"GET / HTTP/1.1\r\nHost: whiskers\r\n\r\n" * 10)
    wait_for_ever()
    yield {}
