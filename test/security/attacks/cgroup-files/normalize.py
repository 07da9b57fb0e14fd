"""The kernel's control groups: raising its own limits, leaving them, and release_agent, as in CVE-2022-0492."""

import os

from probe import attempt, brief, fact

CONTROLS = (
    "release_agent", "notify_on_release", "cgroup.procs", "tasks", "cgroup.kill", "cgroup.subtree_control",
    "memory.limit_in_bytes", "memory.max", "memory.oom_control", "pids.max", "cpu.max", "cpu.cfs_quota_us",
    "devices.allow", "devices.deny",
)
PLACES = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/cgroup", "/dev/cgroup", "/mnt", "/run/cgroup")


def run(meta, raw):
    folders = sorted({folder for place in (*PLACES, *mounted()) for folder in below(place)})
    yield fact("folders", folders[:50])
    yield attempt("write", lambda: [path for path in controls(folders) if can_write(path)])
    if brief(raw)["harmless"]:
        return
    yield attempt("make", lambda: [folder for folder in folders if is_cgroup(folder) and can_make(folder)])
    yield attempt("leave", lambda: [folder for folder in folders if can_enter(folder)])


def mounted():
    with open("/proc/self/mountinfo") as lines:
        return [line.split()[4] for line in lines if " - cgroup" in line]


def below(place):
    found = []
    for parent, folders, _ in os.walk(place):
        found.append(parent)
        if len(found) > 2000:
            break
    return found


def controls(folders):
    return [os.path.join(folder, name) for folder in folders for name in CONTROLS if is_cgroup(folder)]


def is_cgroup(folder):
    return os.path.exists(os.path.join(folder, "cgroup.procs"))


def can_write(path):
    try:
        os.close(os.open(path, os.O_WRONLY))
        return True
    except OSError:
        return False


def can_make(folder):
    try:
        os.mkdir(os.path.join(folder, "whiskers-attack"))
        os.rmdir(os.path.join(folder, "whiskers-attack"))
        return True
    except OSError:
        return False


def can_enter(folder):
    try:
        with open(os.path.join(folder, "cgroup.procs"), "w") as file:
            file.write("0")
        return True
    except OSError:
        return False
