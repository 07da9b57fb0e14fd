"""Puts characters into the terminal's input: TIOCSTI, TIOCLINUX, through every descriptor and /dev/tty."""

import fcntl
import os

from probe import attempt

TIOCSTI, TIOCLINUX, TIOCSCTTY = 0x5412, 0x541C, 0x540E


def run(meta, raw):
    for descriptor in range(0, 16):
        yield attempt("tiocsti", lambda: fcntl.ioctl(descriptor, TIOCSTI, b"\n") is not None)
        yield attempt("tioclinux", lambda: fcntl.ioctl(descriptor, TIOCLINUX, b"\x03") is not None)
        # The upper half of the request is ignored by the kernel, not by a careless filter.
        yield attempt("tiocsti-wide", lambda: wide(descriptor))
    yield attempt("controlling-terminal", lambda: os.close(os.open("/dev/tty", os.O_RDWR)) is None)
    yield attempt("console", lambda: os.close(os.open("/dev/console", os.O_RDWR | os.O_NOCTTY)) is None)
    yield attempt("other-terminals", lambda: [n for n in os.listdir("/dev/pts") if n != "ptmx"])
    yield attempt("is-a-terminal", lambda: [n for n in range(16) if os.isatty(n)])


def wide(descriptor):
    import ctypes

    from probe import libc

    character = ctypes.create_string_buffer(b"\n")
    return libc.syscall(16, descriptor, ctypes.c_long(0x100000000 | TIOCSTI), character) == 0
