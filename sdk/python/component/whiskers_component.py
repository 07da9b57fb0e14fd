"""The normalizer as a WebAssembly component of the world `whiskers:normalizer` (protocol/wit).

What `whiskers build --wasm` hands to componentize-py. It is imported when the component is built, and what is in memory
then is the component: nothing can be imported in a run that is not imported here.
"""

import json
import random
import sys

# What is otherwise imported when it is first needed.
import _strptime  # noqa: F401
import logging  # noqa: F401
import traceback  # noqa: F401
import warnings  # noqa: F401

import componentize_py_types
import whiskers
import whiskers.failure as failure
import whiskers.frames as frames
import whiskers.log as log
import whiskers.objects  # noqa: F401
import whiskers.records  # noqa: F401
import wit_world
from whiskers.load import load
from whiskers.run import Meta, RawFile, Run, _collect_async, collect
from wit_world.imports import output
from wit_world.imports.types import Failure

import whiskers_entrypoint

for _name in (
    "ascii base64_codec cp1252 hex_codec idna iso8859_15 latin_1 punycode raw_unicode_escape unicode_escape "
    "utf_8 utf_8_sig utf_16 utf_16_be utf_16_le utf_32"
).split():
    __import__("encodings." + _name)

LEVELS = {name: getattr(output.Level, name.upper()) for name in ("debug", "info", "warning", "error")}

# Its folder is on the path already.
_function = load(sys.path[0], whiskers_entrypoint.ENTRYPOINT)


class ComponentRun(Run):
    """Gives what it has to the host, without frames around it."""

    def send(self, kind, payload):
        if kind == frames.RECORDS:
            output.records(payload)

    def log(self, level, message):
        output.log(LEVELS.get(level, LEVELS["info"]), message)


class WitWorld(wit_world.WitWorld):
    def run(self, meta, raws):
        # It was seeded when the component was built: the next numbers would be the same in each run.
        random.seed()
        run = ComponentRun(None, 1)
        files = [RawFile(raw.id, raw.mime_types, raw.content) for raw in raws]
        given = Meta(json.loads(meta))
        given.raws = files
        log.attach(run)
        try:
            result = _function(given, files[0].content if files else b"")
            if hasattr(result, "__await__") or hasattr(result, "__aiter__"):
                _drive(_collect_async(run, result))
            else:
                collect(run, result)
            run.finish()
        except BaseException as error:
            told = json.loads(failure.payload(error))
            raise componentize_py_types.Err(
                Failure(told["type"], told["message"], told["stack"], told["reason"] == "memory")
            ) from None
        finally:
            _flush()
            log.attach(None)


def _drive(coroutine):
    """To its end. There is no event loop: asyncio's own wants sockets, and nothing here can be waited for."""
    try:
        while coroutine.send(None) is None:
            pass
    except StopIteration:
        return
    coroutine.close()
    raise RuntimeError("it waits for what nothing here can give")


def _flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
