"""Finds the normalizer's function."""

import sys


def load(folder, entrypoint, convention=None):
    """The function that `entrypoint` ("module:callable") names in `folder`, which comes first on the path.

    `convention`: `openkat`, or None: its own. A function of another convention is wrapped into `run(meta, raw)`.

    :raises BaseException: whatever the normalizer's module raises
    """
    if convention == "openkat":
        from whiskers.openkat import load_openkat

        return load_openkat(folder, entrypoint)
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


class Late:
    """A normalizer that is loaded for its run: its code may come to its folder only then."""

    def __init__(self, folder, entrypoint, convention):
        self._where = (folder, entrypoint, convention)
        self._function = None

    def load(self):
        """The function. :raises BaseException: as `load`"""
        if self._function is None:
            # What was looked up in the folder before says nothing of it now.
            sys.path_importer_cache.pop(self._where[0], None)
            self._function = load(*self._where)
        return self._function


class SharedPackages:
    """Keeps the modules of several packages apart in one interpreter: two may both have a `normalize.py`.

    A package's modules are in `sys.modules` only while it is loaded or run.
    """

    def __init__(self):
        self._packages = {}
        self._common = frozenset(sys.modules)

    def enter(self, folder, entrypoint, convention=None):
        """Makes the package the current one and returns its function. Call `leave` after its run."""
        modules, functions = self._packages.setdefault(folder, ({}, {}))
        sys.path.insert(0, folder)
        sys.modules.update(modules)
        for name, module in modules.items():
            _tie(name, module)
        if entrypoint not in functions:
            functions[entrypoint] = load(folder, entrypoint, convention)
        elif convention == "openkat":
            from whiskers.openkat import enter

            enter(folder)
        return functions[entrypoint]

    def leave(self, folder):
        modules = self._packages[folder][0]
        for name in set(sys.modules).difference(self._common):
            module = sys.modules[name]
            if _lies_in(module, folder):
                modules[name] = module
                del sys.modules[name]
                _tie(name, None)
        while folder in sys.path:
            sys.path.remove(folder)
        openkat = sys.modules.get("whiskers.openkat")
        if openkat is not None:
            openkat.leave(folder)


def _tie(name, module):
    """Sets or removes a module as an attribute of the package above it, where that is another's."""
    parent_name, _, child = name.rpartition(".")
    parent = sys.modules.get(parent_name)
    if parent is None:
        return
    if module is not None:
        setattr(parent, child, module)
    elif hasattr(parent, child):
        delattr(parent, child)


def _lies_in(module, folder):
    prefix = folder.rstrip("/") + "/"
    file = getattr(module, "__file__", None)
    if isinstance(file, str):
        return file.startswith(prefix)
    # A namespace package has no file, only places.
    places = getattr(module, "__path__", ())
    return any(isinstance(place, str) and place.startswith(prefix) for place in places)
