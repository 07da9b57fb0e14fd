"""First run: starves and narrows standard error, which parent and all children share. Second run: must
be able to print as the first could."""

import fcntl
import os
import socket
import stat
import struct

from probe import brief, fact

F_SETPIPE_SZ, F_GETPIPE_SZ = 1031, 1032


def run(meta, raw):
    if brief(raw)["turn"] == 1:
        yield fact("before", speaks())
        yield fact("done", [act.__name__ for act in (time_out, narrow, pipe_size) if worked(act)])
        return
    yield fact("after", speaks())


def speaks():
    try:
        os.write(2, b"still here\n")
        if stat.S_ISSOCK(os.fstat(2).st_mode):
            with stream() as errors:
                options = (socket.SO_SNDBUF, socket.SO_SNDTIMEO)
                return [errors.getsockopt(socket.SOL_SOCKET, option) for option in options]
        return fcntl.fcntl(2, F_GETPIPE_SZ)
    except OSError as error:
        return repr(error)


def stream():
    return socket.socket(fileno=os.dup(2))


def time_out():
    with stream() as errors:
        errors.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", 0, 1))


def narrow():
    with stream() as errors:
        errors.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)


def pipe_size():
    fcntl.fcntl(2, F_SETPIPE_SZ, 4096)


def worked(act):
    try:
        act()
    except OSError:
        return False
    return True
