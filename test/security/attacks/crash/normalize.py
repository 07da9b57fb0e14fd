"""Ends by a segmentation fault."""

import ctypes


def run(meta, raw):
    ctypes.string_at(0)
    yield {}
