"""Ends processes that would rather live on."""

import os
import signal
import time

# How long everything that a run left may take to die, before the sandbox is given up.
END_SECONDS = 2.0


def end_everything(pid):
    """Kills the child and all that it started, and waits for them. False: something would not die in time."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return end_orphans()


def end_orphans():
    """They have come to this process, as the nearest subreaper above them, before their parent could be waited for."""
    deadline = time.monotonic() + END_SECONDS
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] != 0:
                continue
        except ChildProcessError:
            return True
        # To the first process all others are its own.
        for orphan in (-1,) if os.getpid() == 1 else _children():
            try:
                os.kill(orphan, signal.SIGKILL)
            except OSError:
                pass
        if time.monotonic() > deadline:
            return False
        time.sleep(0.0005)


def _children():
    try:
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return _children_by_search()


def _children_by_search():
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            if name.isdigit():
                with open("/proc/%s/stat" % name, "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
                if parent == os.getpid():
                    found.append(int(name))
        except (OSError, ValueError, IndexError):
            pass
    return found
