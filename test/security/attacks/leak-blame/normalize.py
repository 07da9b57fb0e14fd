"""First run: lets a child of its own be killed for want of memory, and is done all the same. Second run: crashes for
another reason, and must not be told that it was out of memory."""

import os
import signal

from probe import brief


def run(meta, raw):
    if brief(raw)["turn"] == 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    pid = os.fork()
    if pid == 0:
        hoard = []
        try:
            while True:
                hoard.append(bytearray(b"x") * (8 << 20))
        finally:
            os._exit(1)
    os.waitpid(pid, 0)
    yield {"turn": 1}
