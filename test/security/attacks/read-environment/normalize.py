"""Secrets in environments: our own, our parent's, everyone's; and in our own arguments."""

import glob
import os

from probe import attempt, brief

# What a guest has reason to know.
EXPECTED = {
    "PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "PWD", "SHLVL", "_", "HOSTNAME", "container", "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED", "PYTHONUTF8", "PYTHONUNBUFFERED",
}


def run(meta, raw):
    name = brief(raw)["canaryVariable"]
    yield attempt("own", lambda: os.environ.get(name))
    yield attempt("unexpected-variables", unexpected)
    yield attempt("all-processes", lambda: holders(name))
    yield attempt("credentials", lambda: [key for key in os.environ if "PASSWORD" in key or "DATABASE" in key])


def unexpected():
    # A launching shell leaves it; it says something only if it is a place of the host's.
    known = EXPECTED | {"OLDPWD"} if os.environ.get("OLDPWD", "/") == "/" else EXPECTED
    return [key for key in os.environ if key not in known and not key.startswith("WHISKERS_")]


def holders(name):
    found = []
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/task/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                if name.encode() in file.read():
                    found.append(path)
        except OSError:
            pass
    return found
