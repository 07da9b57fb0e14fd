"""Never gets to `ready`: the module's import does not end."""

import signal

signal.pause()


def run(meta, raw):
    yield {}
