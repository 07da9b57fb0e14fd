"""What a guest has to do that is the first process of its sandbox, with nobody above it, as in gVisor."""

import os


def has_many_dead():
    """Are so many children dead and not waited for that there is soon no room for others?

    Orphans come to this process. To wait for them would be to wait for the normalizer's own children too, whose ends it
    may ask for in its next run: nobody can tell one from the other. They are few, and end with the sandbox.
    """
    try:
        dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    # What RLIMIT_NPROC is.
    return dead is not None and _count_dead() > os.sysconf("SC_CHILD_MAX") // 4


def _count_dead():
    count = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                with open("/proc/%s/stat" % name, "rb") as file:
                    count += file.read().rpartition(b") ")[2].startswith(b"Z")
        except OSError:
            pass
    return count
