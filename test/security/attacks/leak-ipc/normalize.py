"""First run: leaves System V and POSIX objects, keys, and sockets that hold one another. Second run: looks for them."""

import ctypes
import os
import socket
import time

from probe import attempt, brief, fact, libc, syscall

KEY = 0x5EC2E7
CIRCLES = 20


def run(meta, raw):
    create = 0o1666 if brief(raw)["turn"] == 1 else 0o666
    flags = os.O_CREAT | os.O_RDWR if brief(raw)["turn"] == 1 else os.O_RDWR
    wanted = {
        "shared-memory": lambda: libc.shmget(KEY, ctypes.c_size_t(4096), create),
        "semaphores": lambda: libc.semget(KEY, 1, create),
        "messages": lambda: libc.msgget(KEY, create),
        "posix-messages": lambda: libc.mq_open(b"/leak", flags, 0o666, None),
        "posix-shared-memory": lambda: libc.shm_open(b"/leak", flags, 0o666),
    }
    if brief(raw)["turn"] == 1:
        made = []
        for name, take in wanted.items():
            try:
                if take() >= 0:
                    made.append(name)
            except (OSError, AttributeError):
                pass
        try:
            syscall(248, b"user", b"leak", b"x", 1, -4)
            made.append("key")
        except OSError:
            pass
        try:
            for _ in range(CIRCLES):
                circle()
            made.append("sockets")
        except OSError:
            pass  # Linux counts what is on its way.
        yield fact("planted", made)
        return
    for name, take in wanted.items():
        yield attempt(name, lambda: take() >= 0)
    yield attempt("key", lambda: "returned" in syscall(249, b"user", b"leak", 0, 0) and "leak")
    yield attempt("sockets", lambda: fewest_sockets() >= 2 * CIRCLES)


def circle():
    """Two sockets, each on its way through the other, with data: nobody has them, and each is in use."""
    one, other = socket.socketpair()
    with one, other:
        for end in (one, other):
            socket.send_fds(end, [bytes(4096)], [one.fileno(), other.fileno()])


def fewest_sockets():
    """In a while: Linux finds such sockets by and by."""
    counts = []
    for _ in range(20):
        with open("/proc/net/unix") as file:
            counts.append(file.read().count("\n"))
        time.sleep(0.02)
    return min(counts)
