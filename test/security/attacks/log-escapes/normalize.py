"""Terminal escapes, NUL, invalid UTF-8 and overlong lines, by every way that ends in a log."""

import logging
import os
import sys

from probe import LOG, frame, run_number, send

NASTY = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x9b31m\0nul\rcarriage\x08\x08back\u202egnp\u2028next\x7f\x85"


def run(meta, raw):
    logging.getLogger("evil").error(NASTY)
    print(NASTY)
    sys.stderr.write(NASTY + "\n")
    sys.stderr.flush()
    os.write(2, b"\xff\xfe\xc0\x80\xed\xa0\x80\x1b[31m\x9b\x00\n")
    number = run_number()
    send(frame(LOG, number, b'{"level": "\x1b[31m", "message": 7}\n'))
    send(frame(LOG, number, b"\xff\xfe\x1b[31m\x00 not json\n"))
    send(frame(LOG, number, b'{"level": "info", "message": "\\u001b[31m\\u0000\\u009b\\u202e", "__proto__": {"polluted": true}}\n'))
    send(frame(LOG, number, b"[" * 100000 + b"\n"))
    yield {"text": NASTY}
