"""First run: leaves files everywhere and makes them hard to remove. Second run: looks for them."""

import os

from probe import attempt, brief, fact

PLACES = ["/tmp", "/dev/shm", "/dev/mqueue", "/var/tmp", "/run", "/dev", "/", "/whiskers", "/run/lock", "/home"]


def run(meta, raw):
    if brief(raw)["turn"] == 1:
        yield fact("planted", [place for place in PLACES if plant(place)])
        return
    yield attempt("tmp-attributes", lambda: os.listxattr("/tmp"))
    yield attempt("tmp-mode", lambda: os.stat("/tmp").st_mode & 0o700 != 0o700)
    yield attempt("tmp-unusable", lambda: not usable("/tmp"))
    for place in PLACES:
        yield attempt(place, lambda: left_behind(place))


def plant(place):
    try:
        with open(place + "/leak-plain", "w") as file:
            file.write("left by run 1")
    except OSError:
        return False
    tries = [
        lambda: os.mkdir(place + "/leak-locked"),
        lambda: open(place + "/leak-locked/inner", "w").close(),
        lambda: os.chmod(place + "/leak-locked", 0),
        lambda: os.symlink("/etc", place + "/leak-link"),
        lambda: os.mkfifo(place + "/leak-fifo"),
        lambda: open(place.encode() + b"/leak-\xff\xfe\n", "w").close(),
        lambda: open(place + "/.leak-hidden", "w").close(),
        lambda: deep(place),
        lambda: os.setxattr(place, "user.leak", b"left by run 1"),
        lambda: os.symlink(place, place + "/leak-loop"),
        lambda: os.chmod(place, 0),
    ]
    for step in tries:
        try:
            step()
        except OSError:
            pass
    return True


def deep(place):
    """Deeper than a recursive remover may recurse, and longer than PATH_MAX."""
    here = os.getcwd()
    try:
        os.chdir(place)
        for _ in range(1500):
            os.mkdir("leak-deep")
            os.chdir("leak-deep")
    finally:
        os.chdir(here)


def left_behind(place):
    try:
        os.chmod(place, 0o777)
    except OSError:
        pass
    return [name for name in os.listdir(place.encode()) if b"leak" in name]


def usable(place):
    try:
        with open(place + "/mine", "w") as file:
            file.write("x")
        os.unlink(place + "/mine")
    except OSError:
        return False
    return True
