"""Finds the normalizer's function."""

import sys


def load(folder, entrypoint):
    """The function that `entrypoint` ("module:callable") names in `folder`, which comes first on the path.

    This is the place where a function of another convention is to be wrapped into `run(meta, raw)`.

    :raises BaseException: whatever the normalizer's module raises
    """
    module_name, _, attribute = entrypoint.partition(":")
    if sys.path[:1] != [folder]:
        sys.path.insert(0, folder)
    __import__(module_name)
    function = sys.modules[module_name]
    for part in (attribute or "run").split("."):
        function = getattr(function, part, None)
    if not callable(function):
        raise ImportError("module %r has no function %r" % (module_name, attribute))
    return function


class SharedPackages:
    """Keeps the modules of several packages apart in one interpreter: two may both have a `normalize.py`.

    A package's modules are in `sys.modules` only while it is loaded or run.
    """

    def __init__(self):
        self._packages = {}
        self._common = frozenset(sys.modules)

    def enter(self, folder, entrypoint):
        """Makes the package the current one and returns its function. Call `leave` after its run."""
        modules, functions = self._packages.setdefault(folder, ({}, {}))
        sys.path.insert(0, folder)
        sys.modules.update(modules)
        if entrypoint not in functions:
            functions[entrypoint] = load(folder, entrypoint)
        return functions[entrypoint]

    def leave(self, folder):
        modules = self._packages[folder][0]
        for name in set(sys.modules).difference(self._common):
            module = sys.modules[name]
            if _lies_in(module, folder):
                modules[name] = module
                del sys.modules[name]
        while folder in sys.path:
            sys.path.remove(folder)


def _lies_in(module, folder):
    prefix = folder.rstrip("/") + "/"
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file.startswith(prefix)
    # A namespace package has no file, only places.
    places = getattr(module, "__path__", ())
    return any(isinstance(place, str) and place.startswith(prefix) for place in places)
