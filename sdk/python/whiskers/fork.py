"""State policy `fork`: every run in a child forked from the process that has loaded the normalizer.

    host ──input──▶ parent ──pipe──▶ child        The child is forked ahead, and waits.
    host ◀─output── parent ◀──pipe── child

The child is hostile, the parent is not, and the next child must be as the first was. So:

- the child has neither of the parent's streams. The parent looks only at headers of frames, both ways: it knows
  where a run's input ends, whatever the child reads, and lets no frame through that the child may not send
- a child is forked only when nothing of the run before is alive. Orphans come to the parent (a subreaper), are
  killed and waited for
- the parent cannot be traced or looked into (not dumpable), nor can a child find data of earlier runs in its own
  memory: the parent's buffers are left out of every fork
- what a process of the same user may do to the parent all the same (limits, priority, processors), and what
  belongs to no process (System V and POSIX objects), is looked for after every run: the parent ends, if it finds any
"""

import errno
import gc
import os
import select
import signal
import stat
import sys
import time

import whiskers.codec as codec
import whiskers.frames as frames

from .run import RawFile, execute, next_run

try:
    import ctypes
    import fcntl
    import mmap
    import resource
except ImportError:
    ctypes = None

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_CHILD_SUBREAPER = 36
F_SETPIPE_SZ = 1031
PIPE_BYTES = 1024 * 1024
# How long everything that a run left may take to die, and its files to go, before the sandbox is given up.
CLEAN_UP_SECONDS = 2.0
# How often the parent looks whether a child ended whose pipe another process keeps open.
LIVENESS_MS = 100


def prepare_to_fork():
    """Makes this process a parent that children cannot reach; what `serve_forked` needs. None: not possible here."""
    if ctypes is None or not sys.platform.startswith("linux") or not hasattr(mmap, "MADV_DONTFORK"):
        return None
    try:
        prctl = _find_prctl()
        return prctl if prctl(PR_SET_DUMPABLE, 0) and prctl(PR_SET_CHILD_SUBREAPER, 1) else None
    except (OSError, AttributeError):
        return None


def _find_prctl():
    """prctl of the C library, ready to be called in a child without a search."""
    function = ctypes.CDLL(None).prctl
    function.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    return lambda option, value: function(option, value, 0, 0, 0) == 0


def serve_forked(function, fd_in, fd_out, prctl):
    """Runs until the host ends its stream. Call after the first `ready`. `prctl`: of `prepare_to_fork`."""
    gc.collect()
    # Keeps the collector from writing into what parent and children share.
    gc.freeze()
    to_child = _Relay(fd_in, _input_rule)
    to_host = _Relay(None, _output_rule)
    sandboxed = os.environ.get("WHISKERS_SANDBOXED") == "1"
    # POSIX message queues belong to no process, and nobody can list them.
    resource.setrlimit(resource.RLIMIT_MSGQUEUE, (0, 0))
    shared_flags = {fd: fcntl.fcntl(fd, fcntl.F_GETFL) for fd in (0, 2)}
    inheritance = _inheritance()
    while True:
        child = _Child(function, (fd_in, fd_out), prctl)
        if not _relay_run(child, to_child, to_host, fd_out):
            _end_everything(child.pid)
            return
        # Waiting for this is worth it: what is killed cannot do anything after its `done`.
        if not _end_everything(child.pid) or (sandboxed and not _empty_folders(("/tmp", "/dev/shm"))):
            os._exit(frames.EXIT_INTERNAL)
        if _inheritance() != inheritance or (sandboxed and _shared_objects()):
            os._exit(frames.EXIT_INTERNAL)
        child.close()
        # A child shares these descriptions with its parent, and may have set them to non-blocking.
        for fd, flags in shared_flags.items():
            fcntl.fcntl(fd, fcntl.F_SETFL, flags)
        frames.send(fd_out, frames.READY, 0, b"{}")


class _Child:
    """A child that waits for a run on a pipe of its own."""

    def __init__(self, function, parents, prctl):
        child_in, self.input = os.pipe()
        self.output, child_out = os.pipe()
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
                pass  # This user has used up what the kernel allows; the usual 64 KiB work too.

    def close_input(self):
        if self.input is not None:
            os.close(self.input)
            self.input = None

    def close(self):
        self.close_input()
        os.close(self.output)


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
    """`random` sees to itself after a fork (Python 3.7 and later); numpy does not."""
    random = getattr(sys.modules.get("numpy"), "random", None)
    if random is not None:
        random.seed()


class _BadFrame(Exception):
    pass


class _Relay:
    """Passes frames on and looks only at their headers. One serves run after run; `start` begins anew."""

    def __init__(self, source, rule):
        self._rule = rule
        self._memory = mmap.mmap(-1, PIPE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._memory.madvise(mmap.MADV_DONTFORK)
        self._view = memoryview(self._memory)
        self.start(source, None)

    def start(self, source, number):
        self.source = source
        #: Number of the run; of an input known with its first frame.
        self.number = number
        #: The last frame of the run has passed.
        self.finished = False
        self._filled = 0
        self._passed = 0
        self._ready = 0
        self._rest = 0
        self._last = False

    def read(self):
        """Reads once and judges every header in it. False at the end of the stream.

        :raises _BadFrame: a header against the rule; what came before it can still be written
        """
        count = os.readv(self.source, [self._view[self._filled :]])
        if count == 0:
            return False
        self._filled += count
        self._judge()
        return True

    def _judge(self):
        view = self._view
        at = self._ready
        while not self.finished:
            if self._rest:
                taken = min(self._rest, self._filled - at)
                at += taken
                self._rest -= taken
                self._ready = at
                if self._rest:
                    return
            elif self._filled - at < frames.HEADER_BYTES:
                return
            else:
                length = int.from_bytes(view[at : at + 4], "big")
                kind = view[at + 4]
                number = int.from_bytes(view[at + 5 : at + 9], "big")
                self._last = self._rule(self, kind, number, length)
                at += frames.HEADER_BYTES
                self._ready = at
                self._rest = length
            self.finished = self._last and not self._rest

    @property
    def pending(self):
        """Bytes that may be written and are not yet."""
        return self._ready - self._passed

    def write(self, fd):
        """Writes once, what the descriptor takes."""
        self.drop(os.write(fd, self._view[self._passed : self._ready]))

    def drop(self, count=None):
        """Forgets bytes as if they were written: `count`, or all that may be."""
        self._passed = self._ready if count is None else self._passed + count
        if self._passed == self._ready:
            # At most part of a header is left behind it.
            rest = self._filled - self._ready
            if rest:
                self._view[:rest] = self._view[self._ready : self._filled]
            self._filled, self._passed, self._ready = rest, 0, 0


def _input_rule(relay, kind, number, length):
    if relay.number is None and kind == frames.RUN:
        relay.number = number
    elif relay.number != number or kind != frames.RAW:
        raise _BadFrame
    if length > frames.PAYLOAD_MAX_BYTES:
        raise _BadFrame
    return kind == frames.RAW and length == 0


def _output_rule(relay, kind, number, length):
    if not frames.RECORDS <= kind <= frames.FAILED or number != relay.number or length > frames.PAYLOAD_MAX_BYTES:
        raise _BadFrame
    return kind >= frames.DONE


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
            # Another process keeps its pipe open, and will not finish the run in its place.
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


def _poll(waiting):
    poll = select.poll()
    for fd, events in waiting.items():
        poll.register(fd, events)
    return [fd for fd, _ in poll.poll(LIVENESS_MS)]


def _read_input(to_child):
    try:
        return to_child.read()
    except _BadFrame:
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
    except _BadFrame:
        alive = bad = True
    try:
        while to_host.pending:
            to_host.write(fd_out)
    except OSError:
        os._exit(frames.EXIT_HOST_GONE)
    if bad:
        _end_everything(pid)
        os._exit(frames.EXIT_BAD_OUTPUT)
    return alive


def _has_ended(pid):
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _give_up(pid):
    """The child closed its stream before it was done: ends the parent as the child ended."""
    deadline = time.monotonic() + CLEAN_UP_SECONDS
    # Its descriptors are closed a moment before it has ended.
    while not _has_ended(pid) and time.monotonic() < deadline:
        time.sleep(0.001)
    os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    _end_orphans()
    if os.WIFSIGNALED(status):
        os._exit(128 + os.WTERMSIG(status))
    os._exit(os.WEXITSTATUS(status) or frames.EXIT_INTERNAL)


def _end_everything(pid):
    """Kills the child and all that it started, and waits for them. False: something would not die in time."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return _end_orphans()


def _end_orphans():
    """They have come to this process, as the nearest subreaper above them, before their parent could be waited for."""
    deadline = time.monotonic() + CLEAN_UP_SECONDS
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] != 0:
                continue
        except ChildProcessError:
            return True
        for orphan in _children():
            try:
                os.kill(orphan, signal.SIGKILL)
            except OSError:
                pass
        if time.monotonic() > deadline:
            return False
        time.sleep(0.0005)


def _children():
    try:
        with open("/proc/self/task/%d/children" % os.getpid()) as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return _children_by_search()


def _children_by_search():
    found = []
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            if name.isdigit():
                with open("/proc/%s/stat" % name, "rb") as file:
                    parent = int(file.read().rpartition(b")")[2].split()[1])
                if parent == os.getpid():
                    found.append(int(name))
        except (OSError, ValueError, IndexError):
            pass
    return found


def _inheritance():
    """What a child is born with and what another process of the same user may change in its parent."""
    asked = [(os.getpriority, os.PRIO_PROCESS, 0), (os.sched_getscheduler, 0), (os.sched_getaffinity, 0)]
    asked += [(resource.getrlimit, kind) for kind in _LIMITS]
    return [_ask(*question) for question in asked]


def _ask(function, *arguments):
    try:
        return function(*arguments)
    except OSError:
        return None  # Refused to all, so nobody can change it either.


_LIMITS = tuple(value for name, value in vars(resource).items() if name.startswith("RLIMIT_")) if ctypes else ()


def _shared_objects():
    """Are there System V objects? They belong to the sandbox, not to a process, and outlive their makers."""
    for kind in ("shm", "sem", "msg"):
        try:
            with open("/proc/sysvipc/" + kind, "rb") as file:
                # The first line is a heading.
                if file.read(4096).count(b"\n") > 1:
                    return True
        except OSError:
            pass
    return False


def _empty_folders(folders):
    """Removes all that a run left. A folder in a folder is moved up first, so no path grows long, however deep it was."""
    deadline = time.monotonic() + CLEAN_UP_SECONDS
    count = 0
    for root in folders:
        if not _reset_folder(root):
            return False
        pending = [root]
        while pending:
            folder = pending.pop()
            try:
                names = os.listdir(folder)
            except OSError:
                names = ()
            for name in names:
                path = folder + "/" + name
                try:
                    if not os.path.islink(path) and os.path.isdir(path):
                        os.chmod(path, 0o700)
                        count += 1
                        moved = "%s/.whiskers-%d-%d" % (root, os.getpid(), count)
                        os.rename(path, moved)
                        pending.append(moved)
                    else:
                        os.unlink(path)
                except OSError:
                    return False
                if time.monotonic() > deadline:
                    return False
            if folder != root:
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
    return True


def _reset_folder(folder):
    """What a run may have done to the folder itself: closed it to its own user, hung attributes on it."""
    try:
        status = os.stat(folder)
        if status.st_uid != os.getuid():
            return True
        if status.st_mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(folder, stat.S_IMODE(status.st_mode) | stat.S_IRWXU)
        for name in os.listxattr(folder):
            os.removexattr(folder, name)
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTSUP, errno.ENOSYS)
    return True
