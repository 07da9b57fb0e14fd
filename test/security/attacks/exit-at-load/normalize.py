"""Exits with status 0 while it is loaded."""

import os

os._exit(0)


def run(meta, raw):
    yield {}
