"""The guest: speaks the guest protocol, version 1, with the host, and runs a normalizer for it.

    WHISKERS_PACKAGE     folder of the normalizer
    WHISKERS_ENTRYPOINT  "module:callable" in it
    WHISKERS_CONVENTION  how it is called: `openkat`, or left out: run(meta, raw)
    WHISKERS_STATE       fresh | reuse | fork (protocol/README.md, State policies)
    WHISKERS_LOADS       late: says `ready` before it loads the normalizer, which it does for its first run
    WHISKERS_SHARED      1: serves several packages; each run names its own (sdk/python/README.md)
    WHISKERS_DEPENDENCIES  not set, or a folder with `python/` in it: libraries that the normalizer asks for
    WHISKERS_SANDBOXED   1: /tmp and /dev/shm belong to this sandbox alone, and are emptied between forked runs

Imports as little as it can: a cold start pays for every module.
"""

import os
import sys

import whiskers.failure as failure
import whiskers.frames as frames

from . import VERSION
from .load import Late, SharedPackages, load
from .run import execute, next_run


def main():
    fd_in, fd_out = take_streams()
    find_modules()
    try:
        if os.environ.get("WHISKERS_SHARED") == "1":
            _serve_shared(fd_in, fd_out)
        else:
            _serve_package(fd_in, fd_out)
    except frames.BadInput as error:
        sys.stderr.write("whiskers: %s\n" % error)
        os._exit(frames.EXIT_BAD_INPUT)


def take_streams():
    """Moves the protocol's stream to other descriptors: what the normalizer prints becomes its log."""
    fd_in = os.dup(0)
    fd_out = os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.stderr.reconfigure(line_buffering=True, errors="backslashreplace")
    return fd_in, fd_out


def find_modules():
    """The interpreter starts with -S, which saves the reading of every *.pth file: only folders are added.

    A virtual environment needs the full treatment. What the package asks for goes before what the machine has.
    """
    if "WHISKERS_DEPENDENCIES" in os.environ:
        sys.path.append(os.path.join(os.environ["WHISKERS_DEPENDENCIES"], "python"))
    if "site" in sys.modules:
        return
    import site

    base = os.path.dirname(os.path.dirname(sys.executable or ""))
    if os.path.exists(os.path.join(base, "pyvenv.cfg")):
        site.main()
        return
    site.setquit()
    sys.path.extend(folder for folder in site.getsitepackages() if os.path.isdir(folder))


def _serve_package(fd_in, fd_out):
    state = os.environ.get("WHISKERS_STATE", "fresh")
    # Before the normalizer's folder is looked in: it may well have a `resource.py` of its own.
    fork = _find_fork() if state == "fork" else None
    try:
        # In place of the SDK's own folder, which Python put there.
        sys.path[0] = os.environ["WHISKERS_PACKAGE"]
        where = (sys.path[0], os.environ["WHISKERS_ENTRYPOINT"], os.environ.get("WHISKERS_CONVENTION"))
        function = Late(*where) if os.environ.get("WHISKERS_LOADS") == "late" else load(*where)
    except BaseException as error:
        frames.send(fd_out, frames.FAILED, 0, failure.payload(error, "load"))
        os._exit(1)
    if fork is not None:
        _serve_forked(fork, function, fd_in, fd_out)
    _send_ready(fd_out, False)
    reader = frames.Reader(fd_in)
    while True:
        run = next_run(reader, fd_out)
        if run is None:
            os._exit(0)
        if run[1].get("debug"):
            from .debugger import Debugged

            function = Debugged(function, reader, fd_out, run[0])
        execute(function, fd_out, *run)
        if state == "fresh" or _is_used_up():
            os._exit(0)
        del run
        frames.send(fd_out, frames.READY, 0, b"{}")


def _is_used_up():
    if os.getpid() != 1:
        return False
    from .first_process import has_many_dead

    return has_many_dead()


def _find_fork():
    try:
        from . import fork
    except ImportError:
        return None
    return fork


def _serve_forked(fork, function, fd_in, fd_out):
    """Returns where it is not possible: the host is told, and decides."""
    prctl = fork.prepare_to_fork((fd_in, fd_out))
    if prctl is not None:
        _send_ready(fd_out, True)
        fork.serve_forked(function, fd_in, fd_out, prctl)
        os._exit(0)


def _serve_shared(fd_in, fd_out):
    del sys.path[0]
    packages = SharedPackages()
    reader = frames.Reader(fd_in)
    _send_ready(fd_out, False)
    while True:
        run = next_run(reader, fd_out)
        if run is None:
            os._exit(0)
        number, request, _raws = run
        folder = request["load"]["folder"]
        try:
            function = packages.enter(folder, request["load"]["entrypoint"], request["load"].get("convention"))
        except BaseException as error:
            frames.send(fd_out, frames.FAILED, number, failure.payload(error))
        else:
            execute(function, fd_out, *run)
        packages.leave(folder)
        del run, request, _raws
        frames.send(fd_out, frames.READY, 0, b"{}")


def _send_ready(fd_out, fork):
    version = "%d.%d.%d" % sys.version_info[:3]
    text = (
        '{"protocols":[1],"sdk":{"name":"whiskers-python","version":"%s"},'
        '"language":{"name":"python","version":"%s"},%s"fork":%s}'
        % (VERSION, version, _models(), "true" if fork else "false")
    )
    frames.send(fd_out, frames.READY, 0, text.encode("ascii"))


def _models():
    """Whose object classes a normalizer of OpenKAT's convention got, as part of `ready`."""
    openkat = sys.modules.get("whiskers.openkat")
    found = None if openkat is None else openkat.models()
    return "" if found is None else '"models":"%s",' % found
