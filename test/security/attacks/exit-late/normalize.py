"""Says `done` and then does not go: a thread, an exit handler, a blocked signal set."""

import atexit
import signal
import threading
import time


def run(meta, raw):
    atexit.register(time.sleep, 600)
    threading.Thread(target=time.sleep, args=(600,)).start()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    yield {"said": "done"}
