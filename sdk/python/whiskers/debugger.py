"""Runs a normalizer under pdb, whose terminal is at the other end of the guest protocol's stream.

The sandbox stays as it is: it gets no terminal, no network and no descriptor for this.
"""

import bdb
import dis
import inspect
import os
import pdb
import sys

import whiskers.frames as frames

from .load import Late

#: Stepping goes over the SDK's own code.
SKIPPED = ["whiskers", "whiskers.*", "importlib.*", "importlib", "runpy"]


_SDK = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class DebuggerLeft(Exception):
    """Whoever debugged the run ended it."""


class Debugged(Late):
    """A normalizer that is loaded, and run, under the debugger.

    :param function: the normalizer, loaded or late
    """

    def __init__(self, function, reader, fd, number):
        self._inner = function
        self._debugger = _Pdb(
            stdin=_Input(reader), stdout=_Output(fd, number), nosigint=True, skip=SKIPPED, readrc=False
        )

    def load(self):
        debugger = self._debugger

        def stop(*_args, **_kwargs):
            debugger.set_trace(sys._getframe(1))

        sys.breakpointhook = stop
        pdb.set_trace = stop
        try:
            function = self._inner.load() if isinstance(self._inner, Late) else self._inner
        except BaseException as error:
            raise self._end(error) from error.__cause__
        self._stop_at_first_line(function)
        return lambda meta, raw: self._run(function, meta, raw)

    def _run(self, function, meta, raw):
        try:
            result = function(meta, raw)
        except BaseException as error:
            raise self._end(error) from error.__cause__
        if isinstance(result, dict) or getattr(result, "is_record", False) or not hasattr(result, "__iter__"):
            return result
        return self._iterate(result)

    def _iterate(self, result):
        try:
            yield from result
        except GeneratorExit:
            raise
        except BaseException as error:
            raise self._end(error) from error.__cause__
        finally:
            sys.settrace(None)

    def _stop_at_first_line(self, function):
        """Where the body of the function begins: a generator has done nothing when it was called."""
        code = getattr(_innermost(function), "__code__", None)
        if code is None:
            return
        lines = sorted(set(line for _, line in dis.findlinestarts(code) if line and line > code.co_firstlineno))
        line = lines[0] if lines else code.co_firstlineno
        if self._debugger.set_break(code.co_filename, line, temporary=True) is None:
            self._debugger.reset()
            # Nothing else stops it: as if it went on from here.
            self._debugger.botframe = sys._getframe()
            self._debugger.set_continue()
            sys.settrace(self._debugger.trace_dispatch)

    def _end(self, error):
        """Shows what is left to see when an exception has come out of the normalizer. What is to be raised instead."""
        sys.settrace(None)
        if isinstance(error, bdb.BdbQuit):
            return DebuggerLeft("the debugger was left before the run was over")
        self._debugger.message("%s: %s" % (type(error).__name__, error))
        self._debugger.message("It was not caught. Look around with up, down and p; q goes on.")
        traceback = error.__traceback__
        while traceback.tb_next is not None and _is_ours(traceback.tb_frame):
            traceback = traceback.tb_next
        self._debugger.reset()
        self._debugger.interaction(None, traceback)
        return error


def _innermost(function):
    """The normalizer's own function, of one that was wrapped for OpenKAT's convention or by a decorator."""
    function = inspect.unwrap(function)
    for cell in getattr(function, "__closure__", None) or ():
        if getattr(function, "__module__", "").startswith("whiskers") and callable(cell.cell_contents):
            return inspect.unwrap(cell.cell_contents)
    return function


def _is_ours(frame):
    return frame.f_code.co_filename.startswith(_SDK)


class _Pdb(pdb.Pdb):
    def get_stack(self, f, t):
        """Without what called the normalizer."""
        stack, index = super().get_stack(f, t)
        kept = [entry for entry in stack if not _is_ours(entry[0])]
        return (kept, kept.index(stack[index])) if stack[index] in kept else (stack, index)


class _Input:
    """Lines that somebody types for the debugger."""

    def __init__(self, reader):
        self._reader = reader
        self._text = ""

    def readline(self):
        while "\n" not in self._text:
            head = self._reader.header()
            if head is None or head[0] != frames.DEBUG_IN or head[2] == 0:
                return ""
            self._text += self._reader.payload(head[2]).decode("utf-8", "replace")
        line, _, self._text = self._text.partition("\n")
        return line + "\n"


class _Output:
    """The debugger's screen."""

    encoding = "utf-8"

    def __init__(self, fd, number):
        self._fd = fd
        self._number = number
        self._parts = []

    def write(self, text):
        self._parts.append(text)

    def flush(self):
        data = "".join(self._parts).encode("utf-8", "backslashreplace")
        self._parts = []
        for at in range(0, len(data), frames.PAYLOAD_MAX_BYTES):
            frames.send(self._fd, frames.DEBUG_OUT, self._number, data[at : at + frames.PAYLOAD_MAX_BYTES])
