"""Writing anywhere but /tmp: top-level folders, our own package and SDK, /proc/sys, /sys, devices."""

import os

from probe import attempt, brief

# Opened, never written to: some of these would reach the machine.
CONTROLS = [
    "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
    "/proc/sys/vm/drop_caches", "/proc/sys/fs/binfmt_misc/register",
    "/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/core/somaxconn", "/proc/irq/0/smp_affinity", "/proc/mtrr",
    "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/transparent_hugepage/enabled",
    "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/cgroup.procs", "/sys/fs/cgroup/memory/release_agent",
    "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/mapper/control", "/dev/console", "/dev/tty0",
    "/etc/passwd", "/etc/ld.so.preload", "/etc/ld.so.cache", "/usr/bin/python3", "/bin/sh",
]
FOLDERS = [
    "/", "/bin", "/boot", "/dev", "/dev/pts", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc", "/root", "/run",
    "/sbin", "/srv", "/sys", "/sys/fs/cgroup", "/usr", "/usr/lib", "/usr/local", "/usr/local/lib", "/usr/local/bin", "/var",
    "/var/lib", "/whiskers", "/whiskers/package", "/whiskers/sdk", "/whiskers/sdk/python",
]


def run(meta, raw):
    targets = brief(raw)
    for folder in targets["hostFolders"][:1]:
        yield attempt("host-folder", lambda: create(folder))
    yield attempt("package-file", lambda: change(os.path.abspath(__file__)))
    if targets["harmless"]:
        return
    found = ["/" + name for name in os.listdir("/") if name != "tmp"]
    for folder in sorted({*FOLDERS, *found, *targets["hostFolders"]}):
        yield attempt(folder, lambda: create(folder))
    package, sdk = os.path.dirname(os.path.abspath(__file__)), sdk_folder()
    yield attempt("package-mode", lambda: os.chmod(package, 0o777) is None and create(package))
    yield attempt("package-rename", lambda: os.rename(package, package + ".old") is None)
    yield attempt("package-remove", lambda: os.unlink(os.path.join(package, "normalizer.json")) is None)
    yield attempt("sdk-file", lambda: change(os.path.join(sdk, "start.py")))
    yield attempt("sdk-hard-link", lambda: os.link(os.path.join(sdk, "start.py"), "/tmp/start.py") is None and change("/tmp/start.py"))
    for path in CONTROLS + targets["canaryFiles"]:
        yield attempt(path, lambda: os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)) is None)


def sdk_folder():
    import sys

    main = sys.modules["__main__"]
    return os.path.dirname(os.path.abspath(main.__file__))


def create(folder):
    path = os.path.join(folder, "whiskers-attack")
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o644)
    os.close(descriptor)
    os.unlink(path)
    return "wrote " + path


def change(path):
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
    return "could change " + path
