"""Whiskers for Python normalizers: classes for records, and the log.

    from whiskers import Hostname, Finding, Declaration, log

Everything is imported when it is first asked for. (The SDK's own modules are imported by their full name:
`from . import x` would ask for a class first.)
"""

VERSION = "0.1.0"


def __getattr__(name):
    if name == "log":
        return _submodule("log")
    if not name.startswith("_"):
        for module in ("objects", "records"):
            try:
                found = getattr(_submodule(module), name)
            except AttributeError:
                continue
            globals()[name] = found
            return found
    raise AttributeError("module 'whiskers' has no attribute %r" % name)


def _submodule(name):
    import sys

    full_name = __name__ + "." + name
    __import__(full_name)
    return sys.modules[full_name]
