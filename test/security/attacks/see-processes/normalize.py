"""Other processes: see them, signal them, trace them. The harness's bystander process must live on."""

import errno
import glob
import os
import signal

from probe import REFUSED, attempt, attempt_in_child, brief, syscall

NOT_THERE = REFUSED | {errno.ESRCH}


def run(meta, raw):
    targets = brief(raw)
    pid = targets["bystanderPid"]
    yield attempt("see", lambda: marked(targets["bystanderMarker"]))
    yield attempt("many-processes", lambda: count() > 8 and count())
    yield attempt("priority", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19) is None)
    yield attempt("affinity", lambda: os.sched_getaffinity(pid))
    yield attempt("signal-0", lambda: reach(pid, 0))
    yield attempt("terminate", lambda: reach(pid, signal.SIGTERM))
    yield attempt("kill", lambda: reach(pid, signal.SIGKILL))
    yield attempt("process-group", lambda: os.killpg(pid, signal.SIGKILL) is None)
    yield attempt("pidfd", lambda: syscall(434, pid, 0, refused=NOT_THERE))
    yield attempt_in_child("ptrace", lambda: syscall(101, 16, pid, 0, 0, refused=NOT_THERE))
    yield attempt("memory", lambda: open("/proc/%d/mem" % pid, "rb").close() is None)


def reach(pid, number):
    os.kill(pid, number)
    return "signalled"


def marked(marker):
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if marker.encode() in file.read():
                    found.append(path)
        except OSError:
            pass
    return found


def count():
    return len(glob.glob("/proc/[0-9]*"))
