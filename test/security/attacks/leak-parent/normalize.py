"""First run: changes everything of its parent that a same user may change, and every state that descriptors share.
Second run: looks whether it was born with it."""

import fcntl
import os
import resource
import signal
import time

from probe import brief, fact

LIMITS = (resource.RLIMIT_NOFILE, resource.RLIMIT_STACK, resource.RLIMIT_CPU, resource.RLIMIT_DATA)


def run(meta, raw):
    if brief(raw)["turn"] == 1:
        yield fact("before", state())
        yield fact("done", [name for name, act in acts().items() if worked(act)])
        return
    yield fact("after", state())


def state():
    """What a new child has from its parent, as far as a run may have changed it."""
    return {
        "niceness": os.getpriority(os.PRIO_PROCESS, 0),
        "scheduler": os.sched_getscheduler(0),
        "affinity": sorted(os.sched_getaffinity(0)),
        "limits": [resource.getrlimit(kind) for kind in LIMITS],
        "umask": umask(),
        "folder": os.getcwd(),
        "variables": sorted(os.environ),
        "ignored": str(signal.getsignal(signal.SIGUSR1)),
        "blocked": sorted(int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])),
        "descriptors": {n: flags(n) for n in range(3) if flags(n) is not None},
        "groups": os.getgroups(),
        "memory-score": content("/proc/self/oom_score_adj"),
    }


def content(file):
    try:
        with open(file) as opened:
            return opened.read()
    except OSError:
        return None


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


def flags(descriptor):
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:
        return None


def worked(act):
    try:
        act()
    except (OSError, ValueError):
        return False
    return True


def acts():
    parent = os.getppid()
    return {
        "renice": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "renice-user": lambda: os.setpriority(os.PRIO_USER, os.getuid(), 18),
        "idle": lambda: os.sched_setscheduler(parent, os.SCHED_IDLE, os.sched_param(0)),
        "pin": lambda: os.sched_setaffinity(parent, {0}),
        "limit-files": lambda: resource.prlimit(parent, resource.RLIMIT_NOFILE, (16, 16)),
        "limit-stack": lambda: resource.prlimit(parent, resource.RLIMIT_STACK, (1 << 20, 1 << 20)),
        "limit-cpu": lambda: resource.prlimit(parent, resource.RLIMIT_CPU, (100, 100)),
        "non-blocking": lambda: [unblock(descriptor) for descriptor in range(256)],
        "umask": lambda: os.umask(0o777),
        "folder": lambda: os.chdir("/"),
        "variable": lambda: os.environ.update(LEAK="1"),
        "user-signal": lambda: os.kill(parent, signal.SIGWINCH),
        "child-signal": lambda: [os.kill(parent, signal.SIGCHLD) for _ in range(100)],
        "continue": lambda: os.kill(parent, signal.SIGCONT),
        "memory-score": lambda: open("/proc/%d/oom_score_adj" % parent, "w").write("900"),
        "pause": lambda: time.sleep(0.01),
    }


def unblock(descriptor):
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) | os.O_NONBLOCK)
    except OSError:
        pass
