"""OpenKAT's own calling convention: `run(input_ooi, raw)` in `normalize.py`, called as OpenKAT's worker calls it.

What a normalizer imports of OpenKAT (`octopoes`, `boefjes`) is the real thing where it is installed, and the stand-in
beside this package where not. Its own folder is a package below `boefjes.plugins`, under whatever name it asks for.
"""

import os
import sys

#: Name of the normalizer's own folder among OpenKAT's plugins. Its name on disk is not known here, and does not count.
OWN = "boefjes.plugins.normalizer"
PLUGINS = "boefjes.plugins"

_STAND_IN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "openkat")


def load_openkat(folder, entrypoint):
    """`run(meta, raw)` around the function that `entrypoint` ("module:callable") names in `folder`.

    :raises BaseException: whatever the normalizer's module raises
    """
    module_name, _, attribute = entrypoint.partition(":")
    _set_path(folder)
    enter(folder)
    full_name = "%s.%s" % (OWN, module_name)
    __import__(full_name)
    function = getattr(sys.modules[full_name], attribute or "run", None)
    if not callable(function):
        raise ImportError("%s.py has no function %s" % (module_name.replace(".", "/"), attribute or "run"))
    return _wrapped(function, _takes_meta(function))


def models():
    """Whose object classes a normalizer got: `installed` or `stand-in`. None: it asked for none."""
    package = sys.modules.get("octopoes")
    if package is None:
        return None
    return "stand-in" if getattr(package, "STAND_IN", False) else "installed"


def enter(folder):
    """Makes the folder's modules importable as those of a plugin."""
    sys.meta_path.insert(0, _Finder(folder))


def leave(folder):
    sys.meta_path[:] = [finder for finder in sys.meta_path if getattr(finder, "folder", None) != folder]


def _set_path(folder):
    """OpenKAT has no plugin's folder on the path, so a module of it hides none of the standard library's. Libraries
    that lie in it go before installed ones, and the stand-in comes last.
    """
    others = [entry for entry in sys.path if entry not in (folder, _STAND_IN)]
    at = next((at for at, entry in enumerate(others) if entry.endswith(("site-packages", "dist-packages"))), len(others))
    sys.path[:] = others[:at] + [folder] + others[at:] + [_STAND_IN]


def _takes_meta(function):
    """Whether the first parameter is a NormalizerMeta, as it was in earlier versions of OpenKAT.

    :raises TypeError: there are not two parameters; OpenKAT does not load such a normalizer either
    """
    from inspect import signature

    parameters = list(signature(function).parameters.values())
    if len(parameters) != 2:
        raise TypeError("OpenKAT calls run(input_ooi, raw): this one takes %d parameters instead of 2" % len(parameters))
    return parameters[0].name == "normalizer_meta"


def _wrapped(function, takes_meta):
    def run(meta, raw):
        result = function(_normalizer_meta(meta) if takes_meta else input_ooi(meta), raw)
        if result is None:
            raise TypeError("run gave None; OpenKAT wants it to yield, or to return a list, also when nothing was found")
        forms = {}
        try:
            records = iter(result)
        except TypeError:
            kind = type(result).__name__
            raise TypeError("run gave a %s; OpenKAT wants it to yield, or to return a list" % kind) from None
        for record in records:
            kind = type(record)
            if kind not in forms:
                forms[kind] = _form(kind)
            yield forms[kind](record)

    return run


def input_ooi(meta):
    """What OpenKAT's worker gives a normalizer."""
    boefje_meta = meta["raw_data"]["boefje_meta"]
    arguments = boefje_meta.get("arguments") or {}
    if "input" in arguments:
        return arguments["input"]
    if boefje_meta.get("input_ooi") is not None:
        return {"primary_key": boefje_meta["input_ooi"]}
    return {}


def _normalizer_meta(meta):
    from boefjes.worker.job_models import NormalizerMeta

    return NormalizerMeta.model_validate(dict(meta))


def _form(kind):
    """How objects of this class become records. By the names of its base classes: real ones and the stand-in's alike."""
    for base in kind.__mro__:
        form = _FORMS.get((base.__module__.partition(".")[0], base.__name__))
        if form is not None:
            return form
    return _refuse


def _object(ooi):
    return _json(ooi)


def _declaration(declaration):
    end = declaration.end_valid_time
    record = {"record_type": "declaration", "object": _json(declaration.ooi)}
    if end is not None:
        # OpenKAT takes a time without a zone and does not say what it means; here it is UTC.
        text = end.isoformat()
        record["end_valid_time"] = text + "Z" if end.tzinfo is None else text
    return record


def _affirmation(affirmation):
    return {"record_type": "affirmation", "object": _json(affirmation.ooi)}


def _scan_profile(profile):
    record = {"record_type": "scan_profile", "reference": str.__str__(profile.reference), "level": int(profile.level)}
    if profile.user_id is not None:
        record["user_id"] = profile.user_id
    return record


def _json(ooi):
    plain = ooi.model_dump(mode="json")
    if plain.pop("scan_profile", None) is not None:
        # OpenKAT would store it inside the object, where nothing reads it.
        from whiskers import log

        log.warning("the scan profile of %s is left out: a normalizer sets one by yielding it", plain.get("primary_key"))
    return plain


def _refuse(record):
    kind = type(record).__name__
    raise TypeError(
        "OpenKAT's normalizers yield objects of octopoes.models, NormalizerDeclaration, NormalizerAffirmation and"
        " DeclaredScanProfile; this one gave a %s: %.100r" % (kind, record)
    )


#: By top package and name of the class.
_FORMS = {
    ("octopoes", "OOI"): _object,
    ("octopoes", "DeclaredScanProfile"): _scan_profile,
    ("boefjes", "NormalizerDeclaration"): _declaration,
    ("boefjes", "NormalizerAffirmation"): _affirmation,
}


class _Finder:
    """Finds what a normalizer imports below `boefjes.plugins`, in this order:

    1. `boefjes/plugins/...` in its own folder: what `whiskers import` put there of other plugins
    2. its own folder, by the name `OWN` and by any other name of a plugin
    3. what is installed, and the stand-in
    """

    def __init__(self, folder):
        self.folder = folder

    def find_spec(self, fullname, path=None, target=None):
        if not fullname.startswith(PLUGINS + "."):
            return None
        names = fullname[len(PLUGINS) + 1 :].split(".")
        copied = _spec(fullname, os.path.join(self.folder, "boefjes", "plugins"), names)
        if copied is not None or names[0] == "helpers":
            return copied
        own = self._own(names[1:])
        if own is not None:
            if fullname == ".".join([OWN] + own):
                return self._spec_of_own(fullname, own)
            return _loaded_by(_AliasLoader(".".join([OWN] + own)), fullname)
        for place in sys.modules[PLUGINS].__path__:
            installed = _spec(fullname, place, names)
            if installed is not None:
                return installed
        if len(names) > 2:
            return None
        # Perhaps the folder in which this plugin's folder lies, perhaps a module of another plugin.
        return _loaded_by(_UnknownLoader(self.folder), fullname)

    def _own(self, names):
        """Names below the own folder. A plugin may lie in a folder of plugins: then it is the second name that is its own."""
        for found in (names, names[1:]) if len(names) > 1 else (names,):
            path = os.path.join(self.folder, *found)
            if os.path.isdir(path) or os.path.isfile(path + ".py"):
                return found
        return None

    def _spec_of_own(self, fullname, names):
        if names:
            return _spec(fullname, self.folder, names)
        from importlib.machinery import ModuleSpec
        from importlib.util import spec_from_file_location

        init = os.path.join(self.folder, "__init__.py")
        if os.path.exists(init):
            return _adapted(spec_from_file_location(fullname, init, submodule_search_locations=[self.folder]))
        spec = ModuleSpec(fullname, None, is_package=True)
        spec.submodule_search_locations = [self.folder]
        return spec


def _spec(fullname, place, names):
    """Of the module that `names` lead to from a folder, or None."""
    path = os.path.join(place, *names)
    if not os.path.isdir(path) and not os.path.isfile(path + ".py"):
        return None
    from importlib.machinery import PathFinder

    return _adapted(PathFinder.find_spec(fullname, [os.path.dirname(path)]))


def _loaded_by(loader, fullname):
    from importlib.machinery import ModuleSpec

    return ModuleSpec(fullname, loader)


class _AliasLoader:
    """The same module as by the name `OWN`: its classes must not be there twice."""

    def __init__(self, own):
        self._own = own

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        __import__(self._own)
        sys.modules[module.__spec__.name] = sys.modules[self._own]


class _UnknownLoader:
    """A name that leads into the own folder, and has nothing itself."""

    def __init__(self, folder):
        self._folder = folder

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        full_name = module.__name__

        def attribute(name):
            if name[:2] == "__":
                raise AttributeError(name)
            if self._folder_has(name):
                __import__(full_name + "." + name)
                return sys.modules[full_name + "." + name]
            message = "No module named %r here: what lies in another plugin's folder has to be copied (whiskers import --write)"
            raise ModuleNotFoundError(message % full_name, name=full_name)

        module.__path__ = [self._folder]
        module.__getattr__ = attribute

    def _folder_has(self, name):
        path = os.path.join(self._folder, name)
        return os.path.isdir(path) or os.path.isfile(path + ".py")


def _adapted(spec):
    """On Pythons before 3.10 annotations are not evaluated: OpenKAT's are of a newer Python."""
    if spec is None or sys.version_info >= (3, 10) or not hasattr(spec.loader, "source_to_code"):
        return spec
    from importlib.machinery import SourceFileLoader

    class LazyAnnotations(SourceFileLoader):
        def get_code(self, fullname):
            path = self.get_filename(fullname)
            return self.source_to_code(self.get_data(path), path)

        def source_to_code(self, data, path, **_options):
            import __future__

            return compile(data, path, "exec", flags=__future__.annotations.compiler_flag, dont_inherit=True)

    spec.loader = LazyAnnotations(spec.name, spec.origin)
    return spec
