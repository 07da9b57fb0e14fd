"""Runs on a hostile root: /proc, /dev, /sys, /tmp and /whiskers are links to folders of the host, or climb there."""

import os

from probe import attempt, brief


def run(meta, raw):
    targets = brief(raw)
    yield attempt("package-elsewhere", lambda: not os.path.isfile("/whiskers/package/normalizer.json"))
    yield attempt("no-proc-of-its-own", lambda: os.readlink("/proc/self") != str(os.getpid()))
    yield attempt("no-tmp-of-its-own", lambda: not mounted("/tmp", "tmpfs"))
    yield attempt("tmp-on-the-host", lambda: os.path.exists("/tmp/" + targets["canaryName"]))
    yield attempt("dev-null", lambda: not is_device("/dev/null"))
    yield attempt("dev-shm-on-the-host", lambda: os.path.exists("/dev/shm/" + targets["canaryName"]))
    for folder in targets["hostFolders"]:
        yield attempt("host-folder " + folder, lambda: os.listdir(folder))
        yield attempt("write " + folder, lambda: create(folder))
    for path in targets["canaryFiles"]:
        yield attempt("canary " + path, lambda: os.path.exists(path))
    for name in ("proc", "dev", "sys", "tmp", "whiskers"):
        yield attempt("kept the link " + name, lambda: os.path.islink("/" + name))


def mounted(folder, kind):
    with open("/proc/self/mountinfo") as lines:
        return any(line.split()[4] == folder and " - " + kind + " " in line for line in lines)


def is_device(path):
    import stat

    return stat.S_ISCHR(os.stat(path).st_mode) and os.stat(path).st_rdev == os.makedev(1, 3)


def create(folder):
    path = os.path.join(folder, "whiskers-attack")
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    return "wrote " + path
