"""System calls that a normalizer has no use for and attackers have. Arguments are such that none does harm."""

import ctypes
import os
import platform

from probe import attempt, attempt_in_child, brief, syscall

X86_64 = {
    "ptrace-traceme": (101, 0, 0, 0, 0),
    "ptrace-seize-parent": (101, 0x4206, "parent", 0, 0),
    "mount-tmpfs": (165, b"none", b"/tmp", b"tmpfs", 0, 0),
    "mount-proc": (165, b"proc", b"/tmp", b"proc", 0, 0),
    "mount-remount": (165, b"none", b"/", 0, 0x20 | 0x1000, 0),
    "umount2": (166, b"/whiskers", 2),
    "pivot_root": (155, b"/tmp", b"/tmp"),
    "chroot": (161, b"/tmp"),
    "unshare-user": (272, 0x10000000),
    "unshare-mount": (272, 0x00020000),
    "unshare-net": (272, 0x40000000),
    "unshare-pid": (272, 0x20000000),
    "setns": (308, -1, 0),
    "clone-newuser": (56, 0x10000000 | 17, 0, 0, 0, 0),
    "clone-newns": (56, 0x00020000 | 17, 0, 0, 0, 0),
    "clone3": (435, "clone-arguments", 64),
    "fsopen": (430, b"tmpfs", 0),
    "open_tree": (428, -100, b"/", 1),
    "move_mount": (429, -1, b"", -1, b"", 0),
    "mount_setattr": (442, -1, b"", 0, 0, 0),
    "add_key": (248, b"user", b"attack", b"x", 1, -3),
    "request_key": (249, b"user", b"attack", 0, -3),
    "keyctl": (250, 0, -3, 0),
    "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "io_uring_setup": (425, 8, 0),
    "userfaultfd": (323, 1),
    "mknod-character": (133, b"/tmp/device", 0o020666, 0x0101),
    "mknod-block": (133, b"/tmp/block", 0o060666, 0xFE00),
    "open_by_handle_at": (304, -100, b"\0" * 64, 0),
    "name_to_handle_at": (303, -100, b"/tmp", b"\0" * 64, b"\0" * 8, 0),
    "kexec_load": (246, 0, 0, 0, 0),
    "init_module": (175, 0, 0, b""),
    "finit_module": (313, -1, b"", 0),
    "delete_module": (176, b"whiskers_no_such_module", 0o4000),
    "reboot-wrong-magic": (169, 0, 0, 0, 0),
    "swapon": (167, b"/whiskers-no-such-file", 0),
    "acct": (163, b"/whiskers-no-such-file"),
    "quotactl": (179, 0, 0, 0, 0),
    "iopl": (172, 0),
    "ioperm": (173, 0x80, 1, 1),
    "syslog": (103, 3, 0, 0),
    "process_vm_readv": (310, "parent", 0, 0, 0, 0, 0),
    "process_vm_writev": (311, "parent", 0, 0, 0, 0, 0),
    "kcmp": (312, "parent", "self", 0, 0, 0),
    "pidfd_getfd": (438, -1, 0, 0),
    "process_madvise": (440, -1, 0, 0, 0, 0),
    "fanotify_init": (300, 0, 0),
    "sethostname": (170, b"attack", 6),
    "setdomainname": (171, b"attack", 6),
    "settimeofday": (164, 0, 0),
    "clock_settime": (227, 0, 0),
    "personality-read-implies-exec": (135, 0x0400000),
    "lookup_dcookie": (212, 0, 0, 0),
    "move_pages": (279, "parent", 0, 0, 0, 0, 0),
    "migrate_pages": (256, "parent", 0, 0, 0),
    "vhangup": (153,),
    "uselib": (134, b"/whiskers-no-such-file"),
    "modify_ldt": (154, 3, 0, 0),
    "vmsplice": (278, -1, 0, 0, 0),
    "set_mempolicy": (238, 0, 0, 0),
    "memfd_secret": (447, 0),
}


# Those that do no harm where nothing holds them.
HARMLESS = {"ptrace-traceme", "name_to_handle_at", "keyctl", "clone3", "personality-read-implies-exec"}


def run(meta, raw):
    harmless = brief(raw)["harmless"]
    if platform.machine() == "x86_64":
        for name, (number, *arguments) in X86_64.items():
            if harmless and name not in HARMLESS:
                continue
            yield attempt_in_child(name, lambda: call(name, number, arguments))
    yield attempt("new-privileges", lambda: status("NoNewPrivs") != 1)
    yield attempt("no-seccomp", lambda: status("Seccomp") != 2)
    if harmless:
        return
    yield attempt_in_child("setuid", lambda: os.setuid(0) is None and os.getuid() == 0)
    yield attempt_in_child("setgroups", lambda: os.setgroups([0]) is None)
    yield attempt("uid-0", lambda: os.geteuid() == 0)
    yield attempt("capabilities", lambda: status("CapEff") != 0 or status("CapPrm") != 0)
    yield attempt_in_child("set-uid-program", set_uid_program)


def call(name, number, arguments):
    words = []
    for argument in arguments:
        if argument == "parent":
            words.append(os.getppid())
        elif argument == "self":
            words.append(os.getpid())
        elif argument == "clone-arguments":
            words.append(ctypes.create_string_buffer((0x10000000).to_bytes(8, "little") + b"\0" * 56))
        else:
            words.append(argument)
    before = os.getpid()
    result = syscall(number, *words)
    if os.getpid() != before:  # the child of a clone that worked
        os._exit(0)
    return result


def status(key):
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(key + ":"):
                return int(line.split()[1], 16)
    raise KeyError(key)


def set_uid_program():
    """Runs every set-uid program it finds with its own id as the answer wanted."""
    import stat

    found = []
    for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec", "/usr/local/bin"):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            try:
                if os.stat(path).st_mode & stat.S_ISUID and not os.statvfs(path).f_flag & os.ST_NOSUID:
                    found.append(path)
            except OSError:
                pass
    # Without new privileges the bit has no effect; then finding them is no success.
    return status("NoNewPrivs") != 1 and found
