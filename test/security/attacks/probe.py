"""What the hostile guests share: try something, say what came of it.

The harness puts this file into every package of the suite. An attack yields the records that
`attempt` makes; the harness demands that every attempt it knows of was made and that none
got through. Nothing here is meant to do harm where there is no sandbox: see `unconfined.test.ts`.
"""

import base64
import ctypes
import errno
import fcntl
import json
import os
import select
import signal
import stat
import struct
import sys

# PIPE_BUF of Linux.
PIECE_BYTES = 4096

READY, RECORDS, LOG, DONE, FAILED = 0x10, 0x11, 0x12, 0x13, 0x14

# Answers by which a kernel or a filter says no. EINVAL, EFAULT and the like mean that the call was
# looked at: then it got through.
REFUSED = {errno.EPERM, errno.EACCES, errno.ENOSYS}


def brief(raw):
    """The targets that the harness wrote into the raw file."""
    return json.loads(bytes(raw))


def held(name, detail=""):
    return {"attempt": name, "gotThrough": False, "detail": str(detail)[:300]}


def broke(name, detail=""):
    return {"attempt": name, "gotThrough": True, "detail": str(detail)[:300]}


def fact(name, value):
    """Something for the harness to judge."""
    return {"fact": name, "value": value}


def attempt(name, action):
    """`action` raises, or returns something false: it was held."""
    try:
        result = action()
    except BaseException as error:  # whatever the sandbox makes of it
        return held(name, repr(error))
    return broke(name, result) if result else held(name, repr(result))


def attempt_in_child(name, action, seconds=5):
    """As `attempt`, for what may cost the process its life. A death or a hang counts as held."""
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError as error:
        return held(name, "no fork: " + repr(error))
    if pid == 0:
        try:
            os.close(reader)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            os.write(writer, json.dumps(attempt(name, action)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        text = answer.read()
    _, status = os.waitpid(pid, 0)
    if text:
        return json.loads(text)
    return held(name, "child ended with wait status %d" % status)


libc = ctypes.CDLL(None, use_errno=True)


def syscall(number, *arguments, refused=REFUSED):
    """Raises OSError when the kernel says no; returns a text when the call was looked at."""
    libc.syscall.restype = ctypes.c_long
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *[as_word(argument) for argument in arguments])
    code = ctypes.get_errno()
    if result == -1 and code in refused:
        raise OSError(code, os.strerror(code))
    if result == -1:
        return "reached the kernel: " + errno.errorcode.get(code, str(code))
    return "returned %d" % result


def as_word(argument):
    return ctypes.c_long(argument) if isinstance(argument, int) else argument


def frame(kind, run, payload=b""):
    return struct.pack(">IBI", len(payload), kind, run) + payload


# Memory (null, zero) and terminals. A serial port of a virtual machine is none of them.
HARMLESS_DEVICES = {1, 4, 5, *range(136, 144)}


def protocol_descriptors():
    """Every pipe, socket or port above stderr that can be written to: one is the way to the host."""
    found = []
    for descriptor in range(3, 256):
        try:
            status = os.fstat(descriptor)
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError:
            continue
        is_port = stat.S_ISCHR(status.st_mode) and os.major(status.st_rdev) not in HARMLESS_DEVICES
        if (stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode) or is_port) and flags != os.O_RDONLY:
            found.append(descriptor)
    return found


def run_number():
    """The number of the current run, taken from the guest's own variables further up the stack."""
    caller = sys._getframe()
    while caller is not None:
        for name, value in caller.f_locals.items():
            if "run" in name and type(value) is int:
                return value
        caller = caller.f_back
    return 1


# Descriptors that looked like the protocol stream and are not: nobody reads them.
unread = set()


def send(data):
    """Writes bytes beside the SDK into everything that may be the protocol stream."""
    left = {descriptor: memoryview(data) for descriptor in protocol_descriptors() if descriptor not in unread}
    while left:
        poll = select.poll()
        for descriptor in left:
            poll.register(descriptor, select.POLLOUT)
        ready = [descriptor for descriptor, _ in poll.poll(300)]
        for descriptor in ready:
            try:
                # No more than fits whenever poll says that it can be written to: never blocks.
                written = os.write(descriptor, left[descriptor][:PIECE_BYTES])
                left[descriptor] = left[descriptor][written:]
            except OSError:
                left[descriptor] = b""
                unread.add(descriptor)
            if not left[descriptor]:
                del left[descriptor]
        if not ready and len(left) < len(protocol_descriptors()) - len(unread):
            unread.update(left)
            return


def wait_for_ever():
    while True:
        signal.pause()


def as_text(data):
    return base64.b64encode(data).decode()
