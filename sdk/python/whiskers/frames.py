"""Frames of the guest protocol, version 1 (protocol/README.md), over plain descriptors."""

import os

RUN = 0x01
RAW = 0x02
DEBUG_IN = 0x04
READY = 0x10
RECORDS = 0x11
LOG = 0x12
DONE = 0x13
FAILED = 0x14
DEBUG_OUT = 0x16

HEADER_BYTES = 9
PAYLOAD_MAX_BYTES = 16 * 1024 * 1024

# Exit statuses, as in sysexits.h.
EXIT_BAD_INPUT = 65
EXIT_INTERNAL = 70
EXIT_HOST_GONE = 74
EXIT_BAD_OUTPUT = 76

_READ_BYTES = 64 * 1024


def header(kind, run, length):
    return length.to_bytes(4, "big") + bytes((kind,)) + run.to_bytes(4, "big")


def send(fd, kind, run, payload):
    """Writes one frame whole. A host that is gone ends the process: there is nobody left to tell."""
    try:
        if len(payload) <= _READ_BYTES:
            write_all(fd, header(kind, run, len(payload)) + payload)
        else:
            write_all(fd, header(kind, run, len(payload)))
            write_all(fd, payload)
    except OSError:
        os._exit(EXIT_HOST_GONE)


def write_all(fd, data):
    written = os.write(fd, data)
    if written < len(data):
        with memoryview(data) as view:
            while written < len(data):
                written += os.write(fd, view[written:])


class BadInput(Exception):
    """The host sent what the guest does not understand."""


class Reader:
    """Reads frames. Takes ahead what is there: the host sends nothing beyond the end of a run's input."""

    def __init__(self, fd):
        self._fd = fd
        self._ahead = b""

    def header(self):
        """(kind, run, length) of the next frame, or None at the end of the stream."""
        data = self._ahead
        while len(data) < HEADER_BYTES:
            more = os.read(self._fd, _READ_BYTES)
            if not more:
                if data:
                    raise BadInput("the stream ended inside a header")
                return None
            data += more
        self._ahead = data[HEADER_BYTES:]
        length = int.from_bytes(data[:4], "big")
        if length > PAYLOAD_MAX_BYTES:
            raise BadInput("a frame of %d bytes" % length)
        return data[4], int.from_bytes(data[5:HEADER_BYTES], "big"), length

    def payload(self, length):
        ahead = self._ahead
        if len(ahead) >= length:
            self._ahead = ahead[length:]
            return ahead[:length]
        data = bytearray(length)
        with memoryview(data) as view:
            self.payload_into(view)
        return bytes(data)

    def payload_into(self, view):
        """Fills `view`, straight from the descriptor but for what was read ahead."""
        filled = min(len(self._ahead), len(view))
        view[:filled] = self._ahead[:filled]
        self._ahead = self._ahead[filled:]
        while filled < len(view):
            count = os.readv(self._fd, [view[filled:]])
            if count == 0:
                raise BadInput("the stream ended inside a frame")
            filled += count
