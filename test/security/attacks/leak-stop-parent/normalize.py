"""First run: stops its parent just before it is done. Whoever waits for `ready` must not wait for ever, and the
second run must be whole."""

import os
import signal

from probe import brief


def run(meta, raw):
    turn = brief(raw)["turn"]
    yield {"turn": turn}
    if turn == 1:
        parent = os.getppid()
        if os.fork() == 0:
            os.setsid()
            import time

            for _ in range(200):
                # It may be the first process, which -1 does not mean.
                for target in (parent, -1):
                    try:
                        os.kill(target, signal.SIGSTOP)
                    except OSError:
                        pass
                time.sleep(0.005)
            os._exit(0)
