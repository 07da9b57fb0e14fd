"""One run: reads its input, calls the normalizer, sends what it gives."""

import io
import os
import sys
from _thread import allocate_lock
from time import monotonic

import whiskers.codec as codec
import whiskers.failure as failure
import whiskers.frames as frames
import whiskers.log as log

from .load import Late

BATCH_BYTES = 64 * 1024
BATCH_SECONDS = 1.0
# A look at the clock that takes longer is a system call, as in a young gVisor. There only the first records all have one,
# and of those that come quickly after them one in so many.
DEAR_SECONDS = 0.000005
LOOK_FIRST = 8
LOOK_MOST = 16
QUICK_SECONDS = 0.05


class RawFile:
    """One raw file of a run."""

    __slots__ = ("id", "mime_types", "content")

    def __init__(self, id, mime_types, content):
        self.id = id
        self.mime_types = mime_types
        self.content = content


class Meta(dict):
    """The NormalizerMeta: a plain dict, plus `raws` and `input`."""

    #: Every raw file of the run, as RawFile; the first is the one that is given as `raw`.
    raws = ()

    @property
    def input(self):
        """The object that was scanned, as a dict, or None."""
        return self["raw_data"]["boefje_meta"]["arguments"].get("input")


class Run:
    """Sends frames of one run."""

    def __init__(self, fd, number):
        self.fd = fd
        self.number = number
        self.count = 0
        self._lines = []
        self._bytes = 0
        self._sent_at = monotonic()
        self._looked_at = monotonic()
        self._looks_seldom = self._looked_at - self._sent_at > DEAR_SECONDS
        self._look_in = self._look_every = 1
        # Threads of a normalizer may log while it yields.
        self._lock = allocate_lock()
        self._encode_dict = None
        self._encoder = None

    def record(self, record):
        try:
            line = self._encode(record)
        except (TypeError, ValueError, RecursionError) as error:
            raise type(error)("record %d cannot be written as JSON: %s" % (self.count, error)) from None
        self._add(line)

    def finish(self):
        """Sends what is left, once the normalizer has yielded all."""
        if self._encoder is not None:
            for line in self._encoder.finish():
                self._add(line)
        self.flush()

    def _encode(self, record):
        if self._encoder is None:
            # Whoever yields only dicts does not pay for the classes.
            if type(record) is dict and "whiskers.records" not in sys.modules:
                if self._encode_dict is None:
                    self._encode_dict = codec.encoder()
                return self._encode_dict(record)
            from whiskers.records import Encoder

            self._encoder = Encoder()
        return self._encoder.encode(record)

    def _add(self, line):
        size = len(line) + 1
        if size > frames.PAYLOAD_MAX_BYTES:
            raise ValueError("record %d has %d bytes; at most %d" % (self.count, size, frames.PAYLOAD_MAX_BYTES))
        if self._bytes + size > frames.PAYLOAD_MAX_BYTES:
            self.flush()
        self.count += 1
        self._lines.append(line)
        self._bytes += size
        self._look_in -= 1
        if self._bytes >= BATCH_BYTES or (self._look_in <= 0 and self._is_late()):
            self.flush()

    def _is_late(self):
        """Has the first of these records waited for a second?"""
        now = monotonic()
        if self._looks_seldom and self.count > LOOK_FIRST:
            quick = now - self._looked_at < QUICK_SECONDS
            self._look_in = self._look_every = min(LOOK_MOST, 2 * self._look_every) if quick else 1
        self._looked_at = now
        return now - self._sent_at >= BATCH_SECONDS

    def flush(self):
        if self._lines:
            self._lines.append(b"")
            self.send(frames.RECORDS, b"\n".join(self._lines))
            self._lines = []
            self._bytes = 0
        self._sent_at = monotonic()

    def log(self, level, message):
        entry = codec.encoder()({"level": level, "message": message})
        self.send(frames.LOG, entry + b"\n")

    def send(self, kind, payload):
        with self._lock:
            frames.send(self.fd, kind, self.number, payload)


def next_run(reader, fd):
    """Waits for the next run and reads all of its input: (number, request, raws), or None: no more runs.

    :raises frames.BadInput: the host's fault
    """
    head = reader.header()
    if head is None:
        return None
    kind, number, length = head
    if kind != frames.RUN:
        raise frames.BadInput("a frame of kind 0x%02x instead of run" % kind)
    request = codec.decode(reader.payload(length))
    try:
        raws = [RawFile(raw["id"], raw.get("mime_types", []), _raw(reader, number, raw["size"])) for raw in request["raws"]]
    except MemoryError:
        # Where in its input the run stands is lost: the process ends with it.
        frames.send(fd, frames.FAILED, number, failure.payload(MemoryError("the raw file does not fit"), "memory"))
        os._exit(frames.EXIT_INTERNAL)
    if _raw_header(reader, number) != 0:
        raise frames.BadInput("more bytes than the raw files have")
    return number, request, raws


def _raw(reader, number, size):
    """The bytes of one raw file, read to where they stay: no second copy of a large one."""
    content = io.BytesIO()
    if size == 0:
        return b""
    content.seek(size - 1)
    content.write(b"\0")
    with content.getbuffer() as view:
        at = 0
        while at < size:
            length = _raw_header(reader, number)
            if length == 0 or at + length > size:
                raise frames.BadInput("a raw frame that does not fit its file")
            reader.payload_into(view[at : at + length])
            at += length
    return content.getvalue()


def _raw_header(reader, number):
    head = reader.header()
    if head is None or head[0] != frames.RAW or head[1] != number:
        raise frames.BadInput("not the raw frame that was expected: %r" % (head,))
    return head[2]


def execute(function, fd, number, request, raws):
    """Calls the normalizer and sends records, log and how it ended. Raises nothing of the normalizer's."""
    run = Run(fd, number)
    meta = Meta(request["meta"])
    meta.raws = raws
    raw = raws[0].content if raws else b""
    log.attach(run)
    reason = None
    try:
        if isinstance(function, Late):
            reason = "load"
            function = function.load()
            reason = None
        collect(run, function(meta, raw))
        run.finish()
        end, payload = frames.DONE, b'{"records":%d}' % run.count
    except BaseException as error:
        end, payload = frames.FAILED, failure.payload(error, reason)
    _flush_prints()
    try:
        if end == frames.FAILED:
            run.flush()
    except BaseException:
        pass
    log.attach(None)
    run.send(end, payload)


def collect(run, result):
    if hasattr(result, "__await__") or hasattr(result, "__aiter__"):
        import asyncio

        asyncio.run(_collect_async(run, result))
    else:
        _collect_sync(run, result)


async def _collect_async(run, result):
    if hasattr(result, "__await__"):
        result = await result
    if hasattr(result, "__aiter__"):
        async for record in result:
            run.record(record)
    else:
        _collect_sync(run, result)


def _collect_sync(run, result):
    if result is None:
        return
    if isinstance(result, dict) or getattr(result, "is_record", False):
        run.record(result)
    elif isinstance(result, (str, bytes, bytearray)) or not hasattr(result, "__iter__"):
        raise TypeError("the normalizer gave a %s instead of records" % type(result).__qualname__)
    else:
        for record in result:
            run.record(record)


def _flush_prints():
    """What was printed shall be in the log before the run ends. The normalizer may have replaced the streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BaseException:
            pass
