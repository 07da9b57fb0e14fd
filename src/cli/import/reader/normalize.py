"""What one of OpenKAT's normalizers imports, and what of that is there. Nothing of the plugin is run.

The raw file is JSON: `folder` of the plugin in the tree (`""`: the tree is one plugin), `modules`, its Python files
and those of the rest of the tree, by path, base64. One record comes out: `needs`, `copies`, `problems`.
"""

import ast
import base64
import builtins
import importlib
import importlib.util
import json
import posixpath
import sys

from whiskers import openkat

PLUGINS = "boefjes.plugins"
#: Top-level packages whose modules the stand-in has, and whose names it may lack.
OPENKAT = ("octopoes", "boefjes")


def run(meta, raw):
    request = json.loads(raw)
    # As for the normalizer itself: installed packages win, the stand-in comes last.
    sys.path.append(openkat._STAND_IN)
    reader = Reader(request["folder"], request["modules"])
    reader.read_entrypoint()
    yield {"needs": reader.needs, "copies": sorted(reader.copies), "problems": reader.problems}


class Reader:
    def __init__(self, folder, modules):
        self.folder = folder
        self.modules = modules
        #: Libraries and names that are not there, or that are not OpenKAT's nor Python's: each with where.
        self.needs = []
        #: Files of other plugins that are imported.
        self.copies = set()
        self.problems = []
        self._read = set()

    def read_entrypoint(self):
        path = self._path(self.folder, "normalize.py")
        tree = self._parse(path)
        if tree is None:
            return
        functions = [node for node in tree.body if getattr(node, "name", None) == "run"]
        functions = [node for node in functions if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
        if functions:
            self._check_function(path, functions[-1])
        elif not self._binds_run(tree):
            self._problem(path, 1, "there is no function run(input_ooi, raw)")
        self._read_module(self._path(self.folder, "__init__.py"))
        self._read_module(path)

    def _check_function(self, path, node):
        arguments = node.args
        count = len(arguments.args) + len(arguments.kwonlyargs) + len(getattr(arguments, "posonlyargs", ()))
        count += (arguments.vararg is not None) + (arguments.kwarg is not None)
        if count != 2:
            self._problem(path, node.lineno, "run takes %d parameters; OpenKAT wants run(input_ooi, raw)" % count)
        if isinstance(node, ast.AsyncFunctionDef):
            self._problem(path, node.lineno, "run is async; OpenKAT cannot call that")

    def _binds_run(self, tree):
        """By an import or an assignment at the top."""
        for node in tree.body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                if any((alias.asname or alias.name) in ("run", "*") for alias in node.names):
                    return True
            elif isinstance(node, ast.Assign):
                if any(isinstance(target, ast.Name) and target.id == "run" for target in node.targets):
                    return True
        return False

    def _parse(self, path):
        source = self.modules.get(path)
        if source is None:
            self._problem(path, 1, "there is no such file")
            return None
        try:
            return ast.parse(base64.b64decode(source), path)
        except SyntaxError as error:
            version = "%d.%d" % sys.version_info[:2]
            self._problem(path, error.lineno or 1, "it is no Python %s: %s" % (version, error.msg))
        except (ValueError, RecursionError, MemoryError) as error:
            self._problem(path, 1, "it cannot be read: %s" % error)
        return None

    def _read_module(self, path):
        if path in self._read or path not in self.modules:
            return
        self._read.add(path)
        tree = self._parse(path)
        if tree is None:
            return
        if not self._is_own(path):
            self.copies.add(path)
        for node, optional in _imports(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self._import(path, node.lineno, alias.name, (), optional)
            else:
                names = [alias.name for alias in node.names]
                name = self._absolute(path, node)
                if name is not None:
                    self._import(path, node.lineno, name, names, optional)

    def _absolute(self, path, node):
        """The full name of what is imported from; None: it leads out of the tree."""
        if node.level == 0:
            return node.module
        package = posixpath.dirname(path)
        for _ in range(node.level - 1):
            if package == "":
                self._problem(path, node.lineno, "a relative import leads out of the folder")
                return None
            package = posixpath.dirname(package)
        parts = [PLUGINS] + [part for part in package.split("/") if part]
        return ".".join(parts + ([node.module] if node.module else []))

    def _import(self, path, line, name, names, optional):
        if name == PLUGINS or name.startswith(PLUGINS + "."):
            self._import_plugin(path, line, name, names, optional)
        elif name.partition(".")[0] in OPENKAT:
            self._import_openkat(path, line, name, names, optional)
        else:
            self._import_library(path, line, name, names, optional)

    def _import_plugin(self, path, line, name, names, optional):
        relative = name[len(PLUGINS) + 1 :].replace(".", "/")
        if relative == "helpers" and _has_all("boefjes.plugins.helpers", names):
            return
        # A plugin knows itself by its folder's name, also where that folder is all there is.
        for found in [self._find(relative)] + [self._find(posixpath.join(relative, each)) for each in names]:
            if found is not None:
                self._read_packages(found)
                self._read_module(found)
        if self._find(relative) is None and not any(known.startswith(relative + "/") for known in self.modules):
            if not optional:
                self._need("module", name, path, line, "no plugin here has it")

    def _read_packages(self, path):
        """Importing a module runs the packages above it; not those above the plugin, which is a package by itself."""
        folder = posixpath.dirname(path)
        while folder and not (self.folder + "/").startswith(folder + "/"):
            self._read_module(posixpath.join(folder, "__init__.py"))
            folder = posixpath.dirname(folder)

    def _find(self, relative):
        places = [relative]
        if self.folder == "":
            places.append(relative.partition("/")[2])
        for place in places:
            for path in (place + ".py", posixpath.join(place, "__init__.py")):
                if path in self.modules:
                    return path
        return None

    def _import_openkat(self, path, line, name, names, optional):
        try:
            module = importlib.import_module(name)
        except Exception as error:
            if not optional:
                self._need("module", name, path, line, "neither installed nor stood in for: %s" % error)
            return
        for each in names:
            if each == "*" or hasattr(module, each):
                continue
            try:
                importlib.import_module("%s.%s" % (name, each))
            except Exception:
                if not optional:
                    self._need("name", "%s.%s" % (name, each), path, line, "OpenKAT's module has it not, or its stand-in has not")

    def _import_library(self, path, line, name, names, optional):
        top = name.partition(".")[0]
        if top in sys.builtin_module_names or top in _standard_library() or hasattr(builtins, top):
            return
        if self._path(self.folder, top + ".py") in self.modules or self._path(self.folder, top, "__init__.py") in self.modules:
            self._read_module(self._path(self.folder, top + ".py"))
            self._read_module(self._path(self.folder, top, "__init__.py"))
            return
        installed = _is_installed(top)
        if installed and _is_stood_in_for(top):
            # Where pydantic is not installed: its stand-in has what OpenKAT's own normalizers import of it.
            if names and _has_all(top, names):
                return
            installed = False
        if not any(need["name"] == top for need in self.needs):
            self._need("library", top, path, line, "", installed or optional, optional)

    def _is_own(self, path):
        return self.folder == "" or path.startswith(self.folder + "/")

    def _path(self, *parts):
        return posixpath.join(*parts)

    def _need(self, kind, name, path, line, why, there=False, optional=False):
        self.needs.append(
            {"kind": kind, "name": name, "file": path, "line": line, "why": why, "there": there, "optional": optional}
        )

    def _problem(self, path, line, what):
        self.problems.append({"file": path, "line": line, "what": what})


def _imports(tree):
    """Imports at any depth, and whether the code goes on without them."""
    pending = [(node, False) for node in tree.body]
    while pending:
        node, optional = pending.pop(0)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, optional
        elif isinstance(node, ast.Try):
            caught = any(_catches_import_errors(handler.type) for handler in node.handlers)
            pending += [(each, optional or caught) for each in node.body]
            rest = [each for handler in node.handlers for each in handler.body] + node.orelse + node.finalbody
            pending += [(each, optional or caught) for each in rest]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            pending += [(each, optional) for each in node.orelse]
        else:
            pending += [(each, optional) for each in ast.iter_child_nodes(node) if isinstance(each, (ast.stmt, ast.ExceptHandler))]


def _catches_import_errors(kind):
    names = {node.id for node in ast.walk(kind) if isinstance(node, ast.Name)} if kind is not None else {"Exception"}
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def _standard_library():
    names = getattr(sys, "stdlib_module_names", None)
    if names is not None:
        return names
    import sysconfig

    return _Folder(sysconfig.get_path("stdlib"))


class _Folder:
    """Names of modules in a folder: before Python 3.10 it has no list."""

    def __init__(self, folder):
        self.folder = folder

    def __contains__(self, name):
        spec = importlib.util.find_spec(name)
        origin = getattr(spec, "origin", None) or ""
        return spec is not None and "-packages" not in origin and (origin.startswith(self.folder) or origin == "built-in")


def _is_installed(name):
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None


def _is_stood_in_for(name):
    return (importlib.util.find_spec(name).origin or "").startswith(openkat._STAND_IN + "/")


def _has_all(name, names):
    module = importlib.import_module(name)
    try:
        return all(hasattr(module, each) for each in names)
    except ImportError:
        return False
