"""An exception whose type, message and stack carry terminal escapes, NUL, invalid text, line breaks."""

NASTY = "\x1b]0;owned\x07\x1b[2J\x9b31m\0\r\n\u202egnp.exe\u2028 \udcff \x7f"


def run(meta, raw):
    kind = type("Evil" + NASTY.replace("\0", "").replace("\udcff", ""), (Exception,), {})
    raise kind(NASTY + "x" * 3_000_000)
    yield {}
