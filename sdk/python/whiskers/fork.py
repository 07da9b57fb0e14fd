"""State policy `fork`: every run in a child forked from the process that has loaded the normalizer.

    host ──input──▶ parent ──pipe──▶ child        The child is forked ahead, and waits.
    host ◀─output── parent ◀──pipe── child

The child is hostile, the parent is not, and the next child must be as the first was. So:

- the child has neither of the parent's streams. The parent looks only at headers of frames, both ways: it knows
  where a run's input ends, whatever the child reads, and lets no frame through that the child may not send
- a child is forked only when nothing of the run before is alive. Orphans come to the parent (a subreaper), are
  killed and waited for
- the parent cannot be traced or looked into (not dumpable), nor can its streams be opened by their names, which gVisor shows
  to all of its user. A child cannot find data of earlier runs in its own memory: the parent's buffers are left out of
  every fork
- what a process of the same user may do to the parent all the same (limits, priority, processors), and what
  belongs to no process (System V and POSIX objects), is looked for after every run: the parent ends, if it finds any
"""

import fcntl
import gc
import mmap
import os
import select
import signal
import sys
import time

import _socket
from _ctypes import call_function, dlopen, dlsym
import whiskers.codec as codec
import whiskers.frames as frames

from .empty_folders import empty_folders
from .end_processes import END_SECONDS, end_everything, end_orphans
from .inherited import Inherited, proc_is_open
from .relay import BadFrame, Relay, input_rule, output_rule
from .run import RawFile, execute, next_run

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
F_SETPIPE_SZ = 1031
PIPE_BYTES = 1024 * 1024
# How often the parent looks whether a child ended whose pipe another process keeps open.
LIVENESS_MS = 100


def prepare_to_fork(streams):
    """Makes this process a parent that children cannot reach; what `serve_forked` needs. None: not possible here."""
    if not sys.platform.startswith("linux") or not hasattr(mmap, "MADV_DONTFORK"):
        return None
    try:
        prctl = _find_prctl()
        if not prctl(PR_SET_DUMPABLE, 0) or not prctl(PR_SET_CHILD_SUBREAPER, 1):
            return None
        return prctl if not proc_is_open() or not any(_can_be_opened(fd) for fd in streams) else None
    except (OSError, AttributeError):
        return None


def _can_be_opened(fd):
    """By its name in /proc. Nobody can open a socket so, not even who has it."""
    try:
        os.close(os.open("/proc/self/fd/%d" % fd, os.O_RDONLY | os.O_NONBLOCK))
        return True
    except OSError:
        return False


def _find_prctl():
    """prctl of the C library, ready to be called in a child without a search.

    Of ctypes only what is written in C: the rest would take each sandbox half a megabyte.
    """
    prctl = dlsym(dlopen(None, 0), "prctl")
    return lambda option, value: call_function(prctl, (option, value, 0, 0, 0)) == 0


def serve_forked(function, fd_in, fd_out, prctl):
    """Runs until the host ends its stream. Call after the first `ready`. `prctl`: of `prepare_to_fork`."""
    gc.collect()
    # Keeps the collector from writing into what parent and children share.
    gc.freeze()
    to_child = Relay(fd_in, input_rule)
    to_host = Relay(None, output_rule)
    sandboxed = os.environ.get("WHISKERS_SANDBOXED") == "1"
    exposed = sandboxed and proc_is_open()
    inherited = Inherited(sandboxed, exposed)
    stream = _socket_pair if exposed else os.pipe
    while True:
        child = _Child(function, (fd_in, fd_out), stream, prctl)
        if not _relay_run(child, to_child, to_host, fd_out):
            end_everything(child.pid)
            return
        # Waiting for this is worth it: what is killed cannot do anything after its `done`.
        clean = end_everything(child.pid)
        child.close()
        clean = clean and inherited.restore()
        if not clean or (sandboxed and not empty_folders(("/tmp", "/dev/shm"))):
            os._exit(frames.EXIT_INTERNAL)
        frames.send(fd_out, frames.READY, 0, b"{}")


class _Child:
    """A child that waits for a run on a stream of its own."""

    def __init__(self, function, parents, stream, prctl):
        child_in, self.input = stream()
        self.output, child_out = stream()
        self.pid = os.fork()
        if self.pid == 0:
            for fd in (*parents, self.input, self.output):
                os.close(fd)
            _work(function, child_in, child_out, prctl)
        os.close(child_in)
        os.close(child_out)
        os.set_blocking(self.input, False)
        for fd in (self.input, self.output):
            try:
                fcntl.fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES)
            except OSError:
                pass  # This user has used up what the kernel allows, or it is a socket; the usual size works too.

    def close_input(self):
        if self.input is not None:
            os.close(self.input)
            self.input = None

    def close(self):
        self.close_input()
        os.close(self.output)


def _socket_pair():
    """In place of a pipe: where others see this process's descriptors in /proc, they can open those of pipes."""
    return [end.detach() for end in _socket.socketpair()]


def _work(function, fd_in, fd_out, prctl):
    """The child's whole life."""
    status = frames.EXIT_INTERNAL
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(PR_SET_DUMPABLE, 1)
        _warm_up()
        run = next_run(frames.Reader(fd_in), fd_out)
        if run is not None:
            os.close(fd_in)
            _reseed()
            execute(function, fd_out, *run)
        status = 0
    except BaseException:
        # Of the SDK's own: the normalizer's are told by `execute`.
        sys.__excepthook__(*sys.exc_info())
    finally:
        os._exit(status)


def _warm_up():
    """Goes through a run of nothing, to nowhere, while the host prepares the next one.

    After a fork every page that is touched costs a fault, some hundreds for the SDK's own code.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    request = codec.decode(b'{"meta":{"raw_data":[1,"2",null]},"raws":[]}')
    execute(lambda meta, raw: ({"a": [n, "b"]} for n in (1, 2)), nowhere, 0, request, [RawFile("", [], bytes(16384))])
    os.close(nowhere)


def _reseed():
    """`random` sees to itself after a fork, but a machine may have been saved since then, and be one of many now."""
    instance = getattr(sys.modules.get("random"), "_inst", None)
    if instance is not None:
        instance.seed()
    random = getattr(sys.modules.get("numpy"), "random", None)
    if random is not None:
        random.seed()


def _relay_run(child, to_child, to_host, fd_out):
    """Passes on one run, both ways. False: the host has ended its stream."""
    to_child.start(to_child.source, None)
    while to_child.number is None:
        if not _read_input(to_child):
            return False
    to_host.start(child.output, to_child.number)
    _write_input(child, to_child)
    while not (to_child.finished and to_host.finished):
        waiting = {}
        if not to_host.finished:
            waiting[child.output] = select.POLLIN
        if to_child.pending:
            waiting[child.input] = select.POLLOUT
        elif not to_child.finished:
            waiting[to_child.source] = select.POLLIN
        ready = _poll(waiting)
        if not ready and child.output in waiting and _has_ended(child.pid):
            # It may have said its last words since. If not, another process keeps its pipe open, and will not finish the run
            # in its place.
            ready = _poll({child.output: select.POLLIN}, 0)
            if not ready:
                _give_up(child.pid)
        for fd in ready:
            if fd == child.output:
                if not _read_output(to_host, fd_out, child.pid):
                    _give_up(child.pid)
            elif fd == to_child.source:
                if not _read_input(to_child):
                    return False
                _write_input(child, to_child)
            else:
                _write_input(child, to_child)
        if not waiting.get(child.output) or to_host.finished:
            # Nobody will read the rest of the input.
            child.close_input()
            to_child.drop()
    return True


def _poll(waiting, milliseconds=LIVENESS_MS):
    poll = select.poll()
    for fd, events in waiting.items():
        poll.register(fd, events)
    return [fd for fd, _ in poll.poll(milliseconds)]


def _read_input(to_child):
    try:
        return to_child.read()
    except BadFrame:
        raise frames.BadInput("not the frame that was expected") from None


def _write_input(child, to_child):
    """As much as the pipe takes now. A child that does not read its input any more does no harm."""
    try:
        if child.input is None:
            to_child.drop()
        elif to_child.pending:
            to_child.write(child.input)
    except BlockingIOError:
        pass
    except OSError:
        child.close_input()
        to_child.drop()


def _read_output(to_host, fd_out, pid):
    bad = False
    try:
        alive = to_host.read()
    except BadFrame:
        alive = bad = True
    try:
        while to_host.pending:
            to_host.write(fd_out)
    except OSError:
        os._exit(frames.EXIT_HOST_GONE)
    if bad:
        end_everything(pid)
        os._exit(frames.EXIT_BAD_OUTPUT)
    return alive


def _has_ended(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _give_up(pid):
    """The child closed its stream before it was done: ends the parent as the child ended."""
    deadline = time.monotonic() + END_SECONDS
    # Its descriptors are closed a moment before it has ended.
    while not _has_ended(pid) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    end_orphans()
    if os.WIFSIGNALED(status):
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status) or frames.EXIT_INTERNAL)
