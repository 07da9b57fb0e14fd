"""First run: leaves daemons that listen, wait and read every descriptor. Second run: looks for them."""

import os
import signal
import socket
import time

from probe import attempt, brief, fact

NAME = "\0whiskers-leak"


def run(meta, raw):
    if brief(raw)["turn"] == 1:
        for number in range(4):
            if os.fork() == 0:
                os.setsid()
                for signum in signal.valid_signals():
                    try:
                        signal.signal(signum, signal.SIG_IGN)
                    except OSError:
                        pass
                try:
                    if os.fork() == 0:
                        daemon(number)
                finally:
                    os._exit(0)
        time.sleep(0.1)
        yield fact("planted", 4)
        return
    yield attempt("processes", others)
    yield attempt("socket", listening)


def daemon(number):
    if number == 0:
        try:
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(NAME)
            listener.listen()
        except OSError:
            pass
    if number == 1:
        for descriptor in range(256):
            try:
                os.read(descriptor, 1 << 20)
            except OSError:
                pass
    if number == 2:
        os.closerange(0, 4096)
    while True:
        time.sleep(60)


def others():
    """All that is not us, our parent or the sandbox's own first processes."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) > os.getppid() and int(name) != os.getpid():
            found.append(name)
    return found


def listening():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(NAME)
        return True
