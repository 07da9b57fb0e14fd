"""Reads and writes the processes above it: their memory, descriptors, environment, root."""

import os

from probe import attempt, syscall


def run(meta, raw):
    for pid in sorted({1, os.getppid()} - {os.getpid()}):
        yield attempt("mem-read", lambda: os.close(os.open("/proc/%d/mem" % pid, os.O_RDONLY)) is None)
        yield attempt("mem-write", lambda: os.close(os.open("/proc/%d/mem" % pid, os.O_RDWR)) is None)
        yield attempt("maps", lambda: open("/proc/%d/maps" % pid).read())
        yield attempt("descriptors", lambda: os.listdir("/proc/%d/fd" % pid))
        yield attempt("environment", lambda: open("/proc/%d/environ" % pid, "rb").read())
        yield attempt("root", lambda: os.listdir("/proc/%d/root/" % pid))
        yield attempt("stack", lambda: open("/proc/%d/stack" % pid).read())
        yield attempt("syscall", lambda: open("/proc/%d/syscall" % pid).read())
        yield attempt("ptrace-attach", lambda: syscall(101, 16, pid, 0, 0))
        yield attempt("process_vm_readv", lambda: syscall(310, pid, 0, 0, 0, 0, 0))
