"""Many children, each well below the limit, together far above it."""

import os
import signal

from probe import fact

EACH = 24 << 20


def run(meta, raw):
    reader, writer = os.pipe()
    children = []
    for _ in range(40):
        try:
            pid = os.fork()
        except OSError:
            break
        if pid == 0:
            try:
                hoard = bytearray(b"x") * EACH
                os.write(writer, b".")
                signal.pause()
            finally:
                os._exit(len(hoard) % 1)
        children.append(pid)
    os.close(writer)
    os.set_blocking(reader, False)
    alive = 0
    for _ in children:
        import time

        time.sleep(0.05)
        try:
            alive += len(os.read(reader, 100))
        except BlockingIOError:
            pass
    living = 0
    for pid in children:
        if os.waitpid(pid, os.WNOHANG) == (0, 0):
            living += 1
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    yield fact("memoryBytes", min(alive, living) * EACH)
