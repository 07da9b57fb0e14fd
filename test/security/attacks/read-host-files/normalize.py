"""The host's files: well-known secrets, the harness's canaries, the repository, homes, devices."""

import glob
import os
import sys

from probe import attempt, brief

SECRETS = [
    "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/machine-id", "/root/.bashrc", "/root/.ssh/id_rsa",
    "/proc/kcore", "/proc/kmsg", "/proc/vmallocinfo", "/proc/sched_debug", "/proc/timer_list", "/dev/mem",
    "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/nvme0n1", "/dev/kvm", "/dev/fuse",
    "/dev/net/tun", "/dev/loop-control", "/dev/userfaultfd", "/sys/kernel/vmcoreinfo", "/sys/kernel/notes",
    "/sys/firmware/acpi/tables/DSDT", "/sys/kernel/security", "/sys/kernel/debug", "/sys/fs/bpf",
    "/var/run/docker.sock", "/run/systemd/private", "/boot", "/var/lib/dpkg/status", "/var/log",
    "/etc/krb5.keytab", "/etc/fstab", "/etc/crontab", "/etc/hostname", "/etc/environment",
]


def run(meta, raw):
    targets = brief(raw)
    for path in SECRETS:
        yield attempt(path, lambda: look(path))
    for pattern in ("/etc/ssh/*key*", "/home/*", "/etc/ssl/private/*", "/proc/[0-9]*/root/etc/shadow"):
        yield attempt(pattern, lambda: [path for path in glob.glob(pattern) if look(path)])
    for path in targets["canaryFiles"]:
        yield attempt("canary", lambda: look(path))
        yield attempt("canary-through-proc-1", lambda: look("/proc/1/root" + path))
        yield attempt("canary-through-parent", lambda: look("/proc/%d/root%s" % (os.getppid(), path)))
        yield attempt("canary-through-cwd", lambda: look("/proc/%d/cwd/%s%s" % (os.getppid(), "../" * 12, path)))
    for path in targets["hostFolders"]:
        yield attempt("host-folder", lambda: [name for name in os.listdir(path) if not leads_to_python(path, name)])
    yield attempt("canary-by-walking", lambda: walk(targets["canaryName"]))


def look(path):
    if os.path.isdir(path):
        return os.listdir(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, 64)
    finally:
        os.close(descriptor)


def leads_to_python(folder, name):
    """The interpreter may lie in someone's home; the way to it is then there, and nothing else."""
    return (sys.base_prefix + "/").startswith(os.path.join(folder, name) + "/")


def walk(name):
    for folder, folders, files in os.walk("/"):
        if folder in ("/proc", "/sys", "/usr") or folder.count("/") > 4:
            folders[:] = []
        if name in files:
            return os.path.join(folder, name)
