"""What the host is told of an exception."""

import os

import whiskers.codec as codec

TYPE_MAX = 256
MESSAGE_MAX = 4 * 1024
STACK_MAX = 16 * 1024

_OWN_FOLDER = os.path.dirname(__file__) + os.sep


def payload(error, reason=None):
    """The JSON of a `failed` frame, bytes. Never raises, even with hardly any memory left."""
    try:
        if reason is None:
            reason = "memory" if isinstance(error, MemoryError) else "raised"
        return codec.encoder()(
            {"type": _type(error), "message": _message(error), "stack": _stack(error), "reason": reason}
        )
    except BaseException:
        if isinstance(error, MemoryError):
            return b'{"type":"MemoryError","message":"","stack":"","reason":"memory"}'
        return b'{"type":"Exception","message":"an error that cannot be shown","stack":"","reason":"raised"}'


def _type(error):
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else kind.__module__ + "." + kind.__qualname__
    return name[:TYPE_MAX]


def _message(error):
    if isinstance(error, SystemExit):
        return ("called sys.exit(%r) before it was done" % (error.code,))[:MESSAGE_MAX]
    try:
        return str(error)[:MESSAGE_MAX]
    except BaseException:
        return "(its text cannot be made)"


def _stack(error):
    """The traceback without this SDK's own frames, cut in the middle when it is long."""
    if isinstance(error, MemoryError):
        error.__context__ = error.__cause__ = None
    try:
        import traceback

        shown = error.__traceback__
        while shown is not None and shown.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
            shown = shown.tb_next
        text = "".join(traceback.format_exception(type(error), error, shown))
    except BaseException:
        return ""
    if len(text) > STACK_MAX:
        text = text[: STACK_MAX // 4] + "\n  ...\n" + text[-STACK_MAX * 3 // 4 :]
    return text
