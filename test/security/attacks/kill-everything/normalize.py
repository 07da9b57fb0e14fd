"""Kills every process that it may signal, the guest's own parent with them."""

import os
import signal


def run(meta, raw):
    os.kill(-1, signal.SIGKILL)
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    yield {}
