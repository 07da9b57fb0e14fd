"""Never comes back from C code, with every signal blocked: no Python handler gets a turn."""

import re
import signal


def run(meta, raw):
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    re.match(r"(a+)+$", "a" * 200 + "b")
    yield {}
