"""Links and `..`: from /tmp, from the package's own folder, through /proc, with every kind of open."""

import os
import shutil
import tempfile

from probe import attempt, brief


def run(meta, raw):
    targets = brief(raw)
    canary = targets["canaryFiles"][0]
    package = os.path.dirname(os.path.abspath(__file__))
    here = tempfile.mkdtemp()
    os.symlink(canary, here + "/link")
    os.symlink("../" * 20 + canary.lstrip("/"), here + "/climbing-link")
    os.symlink("/proc/self/root", here + "/root")
    os.symlink("/", here + "/top")
    yield attempt("absolute-link", lambda: look(here + "/link"))
    yield attempt("climbing-link", lambda: look(here + "/climbing-link"))
    yield attempt("root-link", lambda: look(here + "/root" + canary))
    yield attempt("root-link-climbing", lambda: look(here + "/root/../../.." + canary))
    yield attempt("top-link", lambda: look(here + "/top" + canary))
    yield attempt("dots", lambda: look(here + "/" + "../" * 20 + canary))
    yield attempt("dots-in-package", lambda: look(package + "/" + "../" * 20 + canary))
    yield attempt("link-in-package", lambda: look(package + "/loot"))
    yield attempt("climbing-link-in-package", lambda: look(package + "/climb"))
    yield attempt("folder-link-in-package", lambda: os.listdir(package + "/folder"))
    yield attempt("beside-package", lambda: beside(package, targets["marker"]))
    for pid in ("1", str(os.getppid()), "self", "thread-self"):
        yield attempt("proc-root", lambda: look("/proc/%s/root%s" % (pid, canary)))
        yield attempt("proc-cwd", lambda: look("/proc/%s/cwd/%s%s" % (pid, "../" * 20, canary)))
    yield attempt("map-files", map_files)
    shutil.rmtree(here)


def look(path):
    with open(path, "rb") as file:
        return file.read(64)


def beside(package, marker):
    """Other packages and the store around ours."""
    up = os.path.join(package, "..")
    return [name for name in os.listdir(up) if marker in name and not os.path.samefile(os.path.join(up, name), package)]


def map_files():
    for name in os.listdir("/proc/self/map_files"):
        os.close(os.open("/proc/self/map_files/" + name, os.O_RDWR))
        return name
