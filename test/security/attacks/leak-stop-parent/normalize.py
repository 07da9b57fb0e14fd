"""First run: stops its parent just before it is done. Whoever waits for `ready` must not wait for ever, and the
second run must be whole."""

import os
import signal

from probe import brief


def run(meta, raw):
    turn = brief(raw)["turn"]
    yield {"turn": turn}
    if turn == 1:
        if os.fork() == 0:
            os.setsid()
            import time

            for _ in range(200):
                try:
                    os.kill(os.getppid() if os.getppid() != 1 else -1, signal.SIGSTOP)
                except OSError:
                    pass
                time.sleep(0.005)
            os._exit(0)
