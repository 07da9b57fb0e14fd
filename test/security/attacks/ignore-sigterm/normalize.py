"""Ignores every signal that can be ignored, in itself and in children in sessions of their own."""

import os
import signal

from probe import wait_for_ever


def run(meta, raw):
    for number in signal.valid_signals():
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            pass
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            break
    wait_for_ever()
    yield {}
