"""JSON without the module `json`, whose import costs several milliseconds of every cold start.

Uses the C parts beneath it, and `json` itself where they are missing or different.
"""

try:
    from _json import encode_basestring_ascii, make_encoder, make_scanner
except ImportError:
    make_encoder = make_scanner = None


def encoder(default=None):
    """A function from a record to ASCII bytes of JSON without line breaks. Make one per run.

    :param default: gives a value that JSON has no form for another one; `plain` unless told

    :raises ValueError: NaN, infinity, or a value that holds itself
    :raises TypeError: a value that has no JSON form
    """
    default = default or plain
    try:
        encode = make_encoder({}, default, encode_basestring_ascii, None, ":", ",", False, False, False)
        encode({"a": [1, "b", None]}, 0)
    except TypeError:
        import json

        text = json.JSONEncoder(default=default, separators=(",", ":"), allow_nan=False).encode
        return lambda record: text(record).encode("ascii")
    return lambda record: "".join(encode(record, 0)).encode("ascii")


def plain(value):
    """What JSON has no form for, as the nearest that it has."""
    kind = type(value)
    if hasattr(kind, "__members__"):  # an Enum
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if kind.__module__ in ("ipaddress", "uuid", "decimal", "pathlib"):
        return str(value)
    if kind.__module__ == "datetime":
        return _duration(value) if kind.__name__ == "timedelta" else value.isoformat()
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("bytes have no place in a record; decode them to text, or to base64")
    if hasattr(value, "keys") and hasattr(value, "__getitem__"):
        return {key: value[key] for key in value.keys()}
    if hasattr(value, "__iter__"):
        return list(value)
    raise TypeError("a %s has no place in a record" % kind.__qualname__)


def _duration(span):
    """ISO 8601, with the sign before the whole."""
    sign, span = ("-", -span) if span.days < 0 else ("", span)
    return "%sP%dDT%d.%06dS" % (sign, span.days, span.seconds, span.microseconds)


def decode(data):
    """The value of one JSON text from the host, UTF-8 bytes."""
    text = data.decode("utf-8")
    try:
        scan = make_scanner(_Context)
    except (TypeError, AttributeError):
        import json

        return json.loads(text)
    return scan(text.strip(), 0)[0]


class _Context:
    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo = {}
