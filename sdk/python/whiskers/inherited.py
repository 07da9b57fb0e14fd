"""What a child has from its parent, and a run may have changed there although it cannot reach the parent's memory.

A process may set limits, priority and processors of another one of the same user, and the flags and options of an
open file or socket that both share. System V and POSIX objects belong to no process and outlive their makers.
"""

import fcntl
import os
import resource

import _socket

_STREAMS = (0, 1, 2)
_F_GETPIPE_SZ = 1032
_SOCKET_OPTIONS = (_socket.SO_SNDBUF, _socket.SO_RCVBUF, _socket.SO_SNDTIMEO, _socket.SO_RCVTIMEO)
# A struct timeval.
_OPTION_BYTES = 16
_LIMITS = tuple(value for name, value in vars(resource).items() if name.startswith("RLIMIT_"))


class Inherited:
    """Remembers how it was before the first run."""

    def __init__(self, sandboxed, exposed):
        # Outside a sandbox these objects are the whole machine's.
        self._sandboxed = sandboxed
        # POSIX message queues cannot be listed by everybody: there shall be none.
        try:
            resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
        except ValueError:
            pass  # gVisor knows no such limit. There the list of system calls refuses queues.
        # gVisor never frees sockets that hold nothing but one another.
        self._counts_sockets = exposed
        self._flags = [(fd, fcntl.fcntl(fd, fcntl.F_GETFL)) for fd in _STREAMS]
        self._before = self._look()

    def restore(self):
        """Puts right what can be. False: the next child would not start as the first did."""
        try:
            for fd, flags in self._flags:
                fcntl.fcntl(fd, fcntl.F_SETFL, flags)
            # Fails when the run has shut down the socket that everybody's standard error is.
            os.write(2, b"")
        except OSError:
            return False
        return self._look() == self._before and not (self._sandboxed and _shared_objects())

    def _look(self):
        asked = [(os.getpriority, os.PRIO_PROCESS, 0), (os.sched_getscheduler, 0), (os.sched_getaffinity, 0)]
        asked += [(resource.getrlimit, kind) for kind in _LIMITS]
        asked += [(_stream_options, 2)]
        if self._counts_sockets:
            asked.append((_count_sockets,))
        return [_ask(*question) for question in asked]


def proc_is_open():
    """Others of this user find its descriptors in /proc, dumpable or not, as in gVisor. Linux gives them to root then."""
    try:
        return os.stat("/proc/self/fd").st_uid == os.geteuid()
    except OSError:
        return False


def _ask(function, *arguments):
    try:
        return function(*arguments)
    except OSError:
        return None  # Refused to all, so nobody can change it either.


def _stream_options(fd):
    """What decides whether a write waits: of a socket its buffers and times, of a pipe its size."""
    copy = os.dup(fd)
    try:
        socket = _socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return fcntl.fcntl(fd, _F_GETPIPE_SZ)
    try:
        return [socket.getsockopt(_socket.SOL_SOCKET, option, _OPTION_BYTES) for option in _SOCKET_OPTIONS]
    finally:
        socket.close()


def _count_sockets():
    with open("/proc/net/unix", "rb") as file:
        return file.read().count(b"\n")


def _shared_objects():
    """Are there System V objects? They belong to the sandbox, not to a process, and outlive their makers."""
    for kind in ("shm", "sem", "msg"):
        try:
            with open("/proc/sysvipc/" + kind, "rb") as file:
                # The first line is a heading.
                if file.read(4096).count(b"\n") > 1:
                    return True
        except OSError:
            pass
    return False
