"""Normalizers that do what they should not, one function each."""

import os
import random
import signal
import sys
import time

RUNS = []

if "HOLDS_UP_PARENT" in os.environ:
    # As on a busy machine: between two system calls of the parent its child has ended.
    import whiskers.fork

    _has_ended = whiskers.fork._has_ended
    whiskers.fork._has_ended = lambda pid: time.sleep(0.5) or _has_ended(pid)


def prints(meta, raw):
    print("printed")
    sys.stdout.write("no line break")
    sys.stdout.buffer.write(b"\nbytes\n")
    os.write(1, b"descriptor 1\n")
    os.system("echo a child process")
    yield {"read": sys.stdin.read()}


def exits(meta, raw):
    yield {"before": True}
    sys.exit(0)


def exits_hard(meta, raw):
    os._exit(meta.input["status"])


def killed(meta, raw):
    os.kill(os.getpid(), meta.input["signal"])


def raises(meta, raw):
    def inner():
        raise ValueError("x" * 100000)

    try:
        inner()
    except ValueError as error:
        raise LookupError("wrapped") from error


def recurses(meta, raw):
    return recurses(meta, raw)


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no")


def raises_unprintable(meta, raw):
    raise Unprintable


def runs_out_of_memory(meta, raw):
    return [bytearray(1 << 62)]


def surrogates(meta, raw):
    print("\ud800 printed")
    yield {"text": "\ud800"}
    raise ValueError("\udfff")


def gives(meta, raw):
    """What a function may return, by name."""
    from datetime import datetime, timezone
    from ipaddress import ip_address

    async def gives_async():
        yield {"n": 1}
        yield {"n": 2}

    async def returns_async():
        return [{"n": 1}, {"n": 2}]

    return {
        "none": lambda: None,
        "dict": lambda: {"n": 1},
        "list": lambda: [{"n": 1}, {"n": 2}],
        "tuple": lambda: ({"n": 1}, {"n": 2}),
        "generator": lambda: ({"n": n} for n in (1, 2)),
        "async generator": gives_async,
        "coroutine": returns_async,
        "number": lambda: 5,
        "text": lambda: "text",
        "nan": lambda: [{"n": 1}, {"n": float("nan")}],
        "bytes": lambda: [{"n": b"x"}],
        "itself": lambda: _holds_itself(),
        "deep": lambda: [_deep(100000)],
        "values": lambda: [
            {
                "time": datetime(2025, 1, 2, tzinfo=timezone.utc),
                "address": ip_address("::1"),
                "set": {"b", "a"},
            }
        ],
    }[meta.input["what"]]()


def _holds_itself():
    record = {}
    record["itself"] = record
    return [record]


def _deep(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return {"deep": value}


def logs(meta, raw):
    import logging
    import warnings

    from whiskers import log

    log.debug("of %s", "whiskers")
    logging.getLogger("a").warning("of logging")
    warnings.warn("of warnings")
    return None


def huge_record(meta, raw):
    yield {"before": True}
    yield {"text": "x" * (17 * 1024 * 1024)}


def never_ends(meta, raw):
    n = 0
    while True:
        yield {"n": n}
        n += 1


def slow(meta, raw):
    """A record that waits for no other: it must not lie about longer than a second."""
    yield {"n": 1}
    time.sleep(1.1)
    yield {"n": 2}
    sys.stdin.read()
    time.sleep(60)


def does_not_read(meta, raw):
    return [{"size": len(raw)}]


def random_numbers(meta, raw):
    RUNS.append(1)
    yield {"random": random.random(), "runs": len(RUNS)}


def set_order(meta, raw):
    yield {"order": list({"one", "two", "three", "four", "five"})}


def leaves_daemon(meta, raw):
    """Double fork and setsid: a process that nobody of the run waits for."""
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.write(writer, b"%d" % os.getpid())
            time.sleep(600)
        os._exit(0)
    yield {"daemon": int(os.read(reader, 20))}


def leaves_daemon_with_pipe(meta, raw):
    """The child ends, while its own child keeps the pipe to the parent open."""
    if os.fork() == 0:
        time.sleep(600)
    os._exit(9)


def forges(meta, raw):
    """Writes a frame of its own to every descriptor that takes it."""
    for fd in range(3, 64):
        try:
            os.write(fd, bytes.fromhex(meta.input["frame"]))
        except OSError:
            pass
    return None


def descriptors(meta, raw):
    """What the parent's descriptors lead to, as far as a child can see."""
    links = []
    for fd in range(0, 64):
        try:
            links.append(os.readlink("/proc/self/fd/%d" % fd))
        except OSError:
            pass
    return [{"links": links}]


def looks_at_parent(meta, raw):
    """Whether the parent's memory can be opened. Root may always look; the test tells the two apart."""
    try:
        with open("/proc/%d/mem" % os.getppid(), "rb"):
            return [{"parent": "open"}]
    except OSError as error:
        return [{"parent": error.errno}]


def finds_earlier_run(meta, raw):
    """Looks through its whole memory for the bytes of the run before."""
    needle = bytes(reversed(meta.input["reversed"].encode()))
    found = 0
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", buffering=0) as memory:
        for line in maps.read().splitlines():
            span, mode = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if mode.startswith("rw") and "[v" not in line:
                try:
                    memory.seek(start)
                    found += memory.read(end - start).count(needle)
                except (OSError, ValueError, OverflowError):
                    pass
    # One is `needle` itself.
    return [{"found": found - 1}]


def lowers_limits(meta, raw):
    """Of its parent, for those who come after."""
    import resource

    resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (20, 20))


def shuts_down_errors(meta, raw):
    import socket

    socket.socket(fileno=os.dup(2)).shutdown(socket.SHUT_WR)


def nonblocking_errors(meta, raw):
    os.set_blocking(2, False)
    return None


def errors_block(meta, raw):
    return [{"blocks": os.get_blocking(2)}]


def thread_logs(meta, raw):
    import threading

    from whiskers import log

    def talk():
        for n in range(2000):
            log.info("%d", n)

    threads = [threading.Thread(target=talk) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(20000):
        yield {"n": n}
    for thread in threads:
        thread.join()


def thinks(meta, raw):
    time.sleep(0.15)
    yield {"n": 1}
