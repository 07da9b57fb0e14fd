"""Descriptors that the runner forgot to close: folders to climb out of, files, devices, sockets."""

import os
import stat

from probe import attempt, fact

HARMLESS = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
# Of a virtual machine whose standard streams are ports. The first two, which are none of these, are its init's.
STREAMS = ("/dev/vport0p3", "/dev/vport0p4", "/dev/vport0p5")


def run(meta, raw):
    names = {}
    for descriptor in range(0, 1024):
        try:
            names[descriptor] = kind(descriptor)
        except OSError:
            pass
    yield fact("descriptors", names)
    yield attempt("folders", lambda: having(names, "folder"))
    yield attempt("devices", lambda: having(names, "device"))
    yield attempt("files", lambda: having(names, "file"))
    yield attempt("climb", lambda: [name for name in map(climb, names) if name])
    yield attempt("files-elsewhere", lambda: [n for pid in siblings() for n in borrowed(pid)])


def kind(descriptor):
    mode = os.fstat(descriptor).st_mode
    try:
        target = os.readlink("/proc/self/fd/%d" % descriptor)
    except OSError:
        target = "?"
    if stat.S_ISDIR(mode):
        return "folder " + target
    if stat.S_ISREG(mode):
        return "file " + target
    if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and target not in STREAMS:
        return ("harmless " if target in HARMLESS else "device ") + target
    return "stream " + target


def having(names, wanted):
    def ours(target):
        return target.startswith(("/tmp/", "/whiskers/", "/memfd:")) or target.endswith("/normalize.py")

    return [name for name in names.values() if name.startswith(wanted) and not ours(name.split(" ", 1)[1])]


def climb(descriptor):
    try:
        opened = os.open("../../../../../../../../etc/shadow", os.O_RDONLY, dir_fd=descriptor)
    except OSError:
        return None
    os.close(opened)
    return "through descriptor %d" % descriptor


def siblings():
    return [name for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]


def borrowed(pid):
    """Descriptors of processes above us that /proc would open for us."""
    found = []
    try:
        for name in os.listdir("/proc/%s/fd" % pid):
            path = "/proc/%s/fd/%s" % (pid, name)
            try:
                if not os.readlink(path).startswith(HARMLESS):
                    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))
                    found.append(path + " " + os.readlink(path))
            except OSError:
                pass
    except OSError:
        pass
    return found
