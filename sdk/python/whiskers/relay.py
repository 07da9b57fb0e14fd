"""Passes frames from one descriptor to another, for a parent that stands between host and child."""

import mmap
import os

import whiskers.frames as frames

BUFFER_BYTES = 1024 * 1024


class BadFrame(Exception):
    """A header against the rule."""


class Relay:
    """Passes frames on and looks only at their headers. One serves run after run; `start` begins anew."""

    def __init__(self, source, rule):
        self._rule = rule
        self._memory = mmap.mmap(-1, BUFFER_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
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

        :raises BadFrame: a header against the rule; what came before it can still be written
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


def input_rule(relay, kind, number, length):
    if relay.number is None and kind == frames.RUN:
        relay.number = number
    elif relay.number != number or kind != frames.RAW:
        raise BadFrame
    if length > frames.PAYLOAD_MAX_BYTES:
        raise BadFrame
    return kind == frames.RAW and length == 0


def output_rule(relay, kind, number, length):
    if not frames.RECORDS <= kind <= frames.FAILED or number != relay.number or length > frames.PAYLOAD_MAX_BYTES:
        raise BadFrame
    return kind >= frames.DONE
