"""Double-forked, in a session of its own, all descriptors kept: outlives its run if anything can."""

import os
import signal

from probe import wait_for_ever


def run(meta, raw):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(number, signal.SIG_IGN)
            wait_for_ever()
        os._exit(0)
    os.wait()
    yield {"left": "a daemon"}
