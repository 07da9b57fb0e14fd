"""Runs on a hostile root: set-uid programs, device nodes, files with capabilities, an /etc of its own."""

import os
import stat
import subprocess

from probe import attempt, fact, held

PLACE = "/usr/attack"


def run(meta, raw):
    names = sorted(os.listdir(PLACE)) if os.path.isdir(PLACE) else []
    yield fact("offered", names)
    for name in names:
        path = os.path.join(PLACE, name)
        try:
            mode = os.lstat(path).st_mode
        except OSError as error:  # not even to be looked at
            yield held("look at " + name, repr(error))
            continue
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            yield attempt("open " + name, lambda: os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK)) is None)
        elif name.startswith("id-"):
            yield attempt("run " + name, lambda: not ordinary(path))
    yield attempt("write-root", lambda: [folder for folder in ("/", PLACE, "/etc", "/usr") if create(folder)])
    yield attempt("is-root", lambda: 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()))


def ordinary(path):
    """The program says who it is, and which capabilities it has."""
    said = subprocess.run([path, "/proc/self/status"], capture_output=True, stdin=subprocess.DEVNULL, timeout=5, check=False).stdout.decode()
    lines = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    if "CapEff" not in lines:
        return True
    ids = lines["Uid"].split() + lines["Gid"].split()
    return int(lines["CapEff"], 16) == 0 and "0" not in ids


def create(folder):
    try:
        path = os.path.join(folder, "whiskers-attack")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        return True
    except OSError:
        return False
