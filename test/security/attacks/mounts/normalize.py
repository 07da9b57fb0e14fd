"""New mounts over and beside those of the sandbox: overlays, binds, moves, remounts, detached trees."""

import os
import platform

from probe import attempt, attempt_in_child, brief, syscall

AT_FDCWD, MS_BIND, MS_REMOUNT, MS_MOVE, MS_REC, MS_PRIVATE = -100, 4096, 32, 8192, 16384, 1 << 18
CLONE_NEWNS, CLONE_NEWUSER, MNT_DETACH = 0x20000, 0x10000000, 2
OVERLAY = b"lowerdir=/usr,upperdir=/tmp/upper,workdir=/tmp/work"

CALLS = {
    "overlay-on-usr": (165, b"overlay", b"/usr", b"overlay", 0, OVERLAY),
    "overlay-on-package": (165, b"overlay", b"/whiskers/package", b"overlay", 0, OVERLAY.replace(b"/usr", b"/whiskers/package")),
    "bind-over-proc": (165, b"/tmp", b"/proc", b"", MS_BIND, 0),
    "bind-root": (165, b"/", b"/tmp/root", b"", MS_BIND | MS_REC, 0),
    "move-proc": (165, b"/proc", b"/tmp/root", b"", MS_MOVE, 0),
    "remount-root": (165, b"", b"/", b"", MS_REMOUNT | MS_BIND, 0),
    "remount-package": (165, b"", b"/whiskers/package", b"", MS_REMOUNT | MS_BIND, 0),
    "private-root": (165, b"", b"/", b"", MS_REC | MS_PRIVATE, 0),
    "sysfs": (165, b"sysfs", b"/tmp/root", b"sysfs", 0, 0),
    "devtmpfs": (165, b"devtmpfs", b"/tmp/root", b"devtmpfs", 0, 0),
    "cgroup": (165, b"cgroup", b"/tmp/root", b"cgroup", 0, b"memory"),
    "cgroup2": (165, b"cgroup2", b"/tmp/root", b"cgroup2", 0, 0),
    "unmask-proc": (166, b"/proc/1", MNT_DETACH),
    "unmount-tmp": (166, b"/tmp", MNT_DETACH),
    "unmount-root": (166, b"/", MNT_DETACH),
    "open-tree-clone": (428, AT_FDCWD, b"/", 1 | 0x8000),
    "fsopen-overlay": (430, b"overlay", 0),
    "fspick-root": (433, AT_FDCWD, b"/", 0),
    "mount-setattr-root": (442, AT_FDCWD, b"/", 0, b"\0" * 32, 32),
}


def run(meta, raw):
    if platform.machine() != "x86_64":
        return
    yield attempt_in_child("in-a-user-namespace", in_user_namespace)
    if brief(raw)["harmless"]:
        return
    for name in ("upper", "work", "root"):
        os.mkdir("/tmp/" + name)
    for name, (number, *arguments) in CALLS.items():
        yield attempt_in_child(name, lambda: worked(number, arguments))
    yield attempt("written", lambda: [path for path in ("/usr", "/whiskers/package", "/proc", "/") if can_write(path)])


def worked(number, arguments):
    """Any answer but success is a refusal here: no file system may be made, whatever the reason."""
    result = syscall(number, *arguments)
    return result.startswith("returned") and result


def in_user_namespace():
    """All capabilities over mounts of its own: half of the way out."""
    syscall(272, CLONE_NEWUSER | CLONE_NEWNS)
    return worked(165, (b"/usr", b"/usr", b"", MS_BIND | MS_REC, 0))


def can_write(folder):
    try:
        path = os.path.join(folder, "whiskers-attack")
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
        os.unlink(path)
        return True
    except OSError:
        return False
