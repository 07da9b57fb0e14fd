"""Ends its process in the middle of the run, as when a library in C fails."""

import os


def run(meta, raw):
    yield {"object_type": "Network", "name": "internet"}
    os.abort()
