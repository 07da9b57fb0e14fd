"""Kills every process that it may signal, the guest's own parent with them."""

import os
import signal


def run(meta, raw):
    for pid in (-1, 1, os.getppid(), os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
    yield {}
