"""Starts the guest: `python3 -S start.py`, with WHISKERS_PACKAGE, WHISKERS_ENTRYPOINT and WHISKERS_STATE set.

It lies beside the package `whiskers`, not in it, so that none of the SDK's own modules can be taken for
one of the normalizer's. All else is in the package, because Python keeps compiled code only of what is imported.
"""

import sys
from marshal import loads


def use_bundle():
    """Takes the SDK's modules from one file, where a host has made it of them for this place.

    Python looks for a module in a folder with a dozen system calls; where each of them is answered by another kernel
    than this machine's, as in gVisor, all of them together take longer than what they find takes to run.
    The file: the place, on a line; names and sizes in bytes, on a line; then their code, one after another.
    """
    folder = __file__.rpartition("/")[0]
    try:
        with open("%s/bundle.%s" % (folder, sys.implementation.cache_tag), "rb") as file:
            place, index, code = file.read().split(b"\n", 2)
    except (OSError, ValueError):
        return
    if place.decode() != folder:
        return
    modules = {}
    start = 0
    for entry in index.decode().split(","):
        name, size = entry.split(" ")
        modules[name] = code[start : start + int(size)]
        start += int(size)
    sys.meta_path.insert(0, Bundle(folder, modules))


class Bundle:
    """A finder (PEP 451) of modules whose code is in memory; their sources lie where they say, for those who read them."""

    def __init__(self, folder, modules):
        self._folder = folder
        self._modules = modules

    def find_spec(self, name, path=None, target=None):
        code = self._modules.get(name)
        if code is None:
            return None
        folder = "%s/%s" % (self._folder, name.replace(".", "/"))
        is_package = name == "whiskers"
        file = folder + ("/__init__.py" if is_package else ".py")
        spec = ModuleSpec(name, Bundled(name, file, code), origin=file, is_package=is_package)
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations.append(folder)
        return spec


class Bundled(type(__loader__)):
    """The usual loader of a source file, which does not have to read it."""

    def __init__(self, name, path, code):
        super().__init__(name, path)
        self._code = code

    def get_code(self, fullname):
        return loads(self._code)


ModuleSpec = type(sys.__spec__)

use_bundle()

from whiskers.guest import main  # noqa: E402  (found by what was just put in place)

main()
