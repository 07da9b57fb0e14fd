"""How many processes and threads can there be at once?"""

import os
import signal
import threading

from probe import fact


def run(meta, raw):
    children = []
    try:
        while len(children) < 4000:
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            children.append(pid)
    except OSError:
        pass
    threads = 0
    try:
        while threads < 4000:
            threading.Thread(target=threading.Event().wait, daemon=True).start()
            threads += 1
    except (RuntimeError, MemoryError):
        pass
    yield fact("processes", len(children) + threads)
    for pid in children:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
