"""The program that started the sandbox, overwritten through /proc/PID/exe, as in CVE-2019-5736."""

import os

from probe import attempt


def run(meta, raw):
    pids = sorted({"self", "1", str(os.getppid()), *(name for name in os.listdir("/proc") if name.isdigit())})
    for pid in pids:
        exe = "/proc/%s/exe" % pid
        yield attempt("write " + exe, lambda: os.close(os.open(exe, os.O_WRONLY | os.O_APPEND)) is None)
        yield attempt("reopen " + exe, lambda: reopen(exe))
        yield attempt("remove " + exe, lambda: remove(exe))
    yield attempt("map-files", lambda: [name for name in mapped() if can_write(name)])


def reopen(exe):
    """By way of a descriptor that was only for looking at it: the way of that CVE."""
    looking = os.open(exe, os.O_PATH)
    os.close(os.open("/proc/self/fd/%d" % looking, os.O_WRONLY | os.O_APPEND))
    return "could write " + os.readlink("/proc/self/fd/%d" % looking)


def remove(exe):
    path = os.readlink(exe)
    os.rename(path, path + ".old")
    os.rename(path + ".old", path)
    return "could rename " + path


def mapped():
    with open("/proc/self/maps") as lines:
        return sorted({line.split()[5] for line in lines if len(line.split()) > 5 and line.split()[5].startswith("/")})


def can_write(path):
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
        return True
    except OSError:
        return False
