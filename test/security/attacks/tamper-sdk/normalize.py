"""First run: changes the SDK and its own module in memory and on disk. Second run: must find both as they were."""

import os
import sys

from probe import attempt, brief


def run(meta, raw):
    if brief(raw)["turn"] == 1:
        for module in list(sys.modules.values()):
            try:
                module.tampered = True
            except (AttributeError, TypeError):
                pass
        yield attempt("package-on-disk", lambda: open(__file__, "a").close() is None)
        yield attempt("sdk-on-disk", lambda: open(sys.modules["__main__"].__file__, "a").close() is None)
        yield attempt("bytecode", lambda: os.makedirs(os.path.dirname(__file__) + "/__pycache__") is None)
        return
    yield attempt("modules", lambda: [name for name, module in sys.modules.items() if hasattr(module, "tampered")])
