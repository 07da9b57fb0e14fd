"""Raises its own limits, and lowers those of the processes above it (which prlimit lets a same user do)."""

import os
import resource

from probe import attempt

KINDS = [name for name in dir(resource) if name.startswith("RLIMIT_")]


def run(meta, raw):
    for name in KINDS:
        yield attempt("raise-" + name, lambda: raised(getattr(resource, name)))
    for pid in {1, os.getppid()}:
        yield attempt("lower-others", lambda: lowered(pid))
    yield attempt("nice", lambda: os.nice(-5) < 0)
    yield attempt("real-time", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)) is None)
    yield attempt("oom-score", lambda: open("/proc/self/oom_score_adj", "w").write("-1000") and unkillable())


def raised(kind):
    hard = resource.getrlimit(kind)[1]
    if hard == resource.RLIM_INFINITY:
        return False
    resource.setrlimit(kind, (hard + 1, hard + 1))
    return "now %d" % (hard + 1)


def lowered(pid):
    if pid == os.getpid():
        return False
    before = resource.prlimit(pid, resource.RLIMIT_CORE)
    resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    return "process %d had %r" % (pid, before)


def unkillable():
    with open("/proc/self/oom_score_adj") as file:
        return int(file.read()) < 0
