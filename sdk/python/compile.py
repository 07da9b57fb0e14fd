"""Compiles Python files ahead: `python3 -I compile.py FOLDER [PLACE]`. For hosts, when they prepare a package.

A sandbox sees its folders read-only, so Python cannot keep there what it compiled and would do it again at
every start. Files that do not compile are left for the guest to report. Each version of Python has its own
files in `__pycache__`, so several can share a folder. PLACE is where a guest will see the folder: code names its file.
"""

import os
import py_compile
import sys


def compile_folder(folder, place=None):
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != "__pycache__")
        for name in sorted(names):
            if name.endswith(".py"):
                path = os.path.join(parent, name)
                try:
                    # Not checked against the source again: what is prepared does not change.
                    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
                    seen = path if place is None else os.path.join(place, os.path.relpath(path, folder))
                    py_compile.compile(path, dfile=seen, doraise=True, invalidation_mode=mode)
                except (py_compile.PyCompileError, OSError, ValueError, RecursionError):
                    pass


if __name__ == "__main__":
    compile_folder(*sys.argv[1:])
