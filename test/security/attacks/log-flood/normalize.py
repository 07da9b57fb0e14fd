"""Logs without end, the way it is meant to be done."""

import logging


def run(meta, raw):
    while True:
        logging.getLogger("flood").error("x" * 1000)
    yield {}
