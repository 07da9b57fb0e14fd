"""Reads and writes the processes above it: their memory, descriptors, environment, root."""

import ctypes
import os
import stat
import struct

from probe import attempt, syscall


def run(meta, raw):
    # 0: it is the first itself, and nothing is above it.
    for pid in sorted({1, os.getppid()} - {0, os.getpid()}):
        yield attempt("mem-read", lambda: os.close(os.open("/proc/%d/mem" % pid, os.O_RDONLY)) is None)
        yield attempt("mem-write", lambda: os.close(os.open("/proc/%d/mem" % pid, os.O_RDWR)) is None)
        yield attempt("maps", lambda: open("/proc/%d/maps" % pid).read())
        yield attempt("descriptors", lambda: os.listdir("/proc/%d/fd" % pid))
        yield attempt("streams", lambda: streams(pid))
        yield attempt("environment", lambda: open("/proc/%d/environ" % pid, "rb").read())
        yield attempt("root", lambda: os.listdir("/proc/%d/root/" % pid))
        yield attempt("stack", lambda: open("/proc/%d/stack" % pid).read())
        yield attempt("syscall", lambda: open("/proc/%d/syscall" % pid).read())
        yield attempt("ptrace-attach", lambda: syscall(101, 16, pid, 0, 0))
        yield attempt("process_vm_readv", lambda: read_memory(pid))


def streams(pid):
    """Pipes, sockets and devices of it that open by their names, or once their modes are changed, and are not ours."""
    ours = {identity(fd) for fd in range(256)}
    found = []
    for name in os.listdir("/proc/%d/fd" % pid):
        path = "/proc/%d/fd/%s" % (pid, name)
        for flags in (os.O_RDONLY, os.O_WRONLY, os.O_RDWR):
            try:
                os.chmod(path, 0o777)
            except OSError:
                pass
            try:
                fd = os.open(path, flags | os.O_NONBLOCK)
            except OSError:
                continue
            if identity(fd) not in ours and not stat.S_ISDIR(os.fstat(fd).st_mode):
                found.append("%s with %d" % (os.readlink(path), flags))
            os.close(fd)
    return found


def identity(fd):
    try:
        status = os.fstat(fd)
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


def read_memory(pid):
    """One byte of address 4096. EFAULT says that only the byte was missing."""
    buffer = ctypes.create_string_buffer(1)
    local = struct.pack("PL", ctypes.addressof(buffer), 1)
    remote = struct.pack("PL", 4096, 1)
    return syscall(310, pid, local, 1, remote, 1, 0)
