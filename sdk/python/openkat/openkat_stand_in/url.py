"""URLs as OpenKAT stores them: absolute, of any scheme, serialised as the WHATWG URL standard says.

https://url.spec.whatwg.org/ is what this follows, section by section, but for `^` in paths, which OpenKAT's parser
leaves as it is, and for names that are not ASCII: those are mapped with Python's tables for IDNA 2003, with the four
characters kept that later rules keep.
"""

import re

from openkat_stand_in.error import Invalid

_PORTS = {"ftp": 21, "file": None, "http": 80, "https": 443, "ws": 80, "wss": 443}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):", re.ASCII)
_DRIVE = re.compile(r"[A-Za-z][:|]", re.ASCII)

_FRAGMENT = frozenset(' "<>`')
_QUERY = frozenset(' "#<>')
_SPECIAL_QUERY = _QUERY | frozenset("'")
_PATH = _QUERY | frozenset("?`{}")
_USERINFO = _PATH | frozenset("/:;=@[\\]^|")
_FORBIDDEN_HOST = frozenset("\0\t\n\r #/:<>?@[\\]^|")
_FORBIDDEN_DOMAIN = _FORBIDDEN_HOST | frozenset("%\x7f") | frozenset(map(chr, range(32)))
#: Kept by the rules of 2008 and UTS 46, and mapped by those of 2003.
_DEVIATIONS = "\u00df\u03c2"


class AnyUrl:
    """A URL; `str()` gives its text."""

    __slots__ = ("_text", "scheme", "username", "password", "host", "port", "path", "query", "fragment")

    def __init__(self, url):
        try:
            _parse(self, str(url))
        except _Failure as failure:
            raise Invalid("url_parsing", "Input should be a valid URL, %s" % failure) from None

    def unicode_string(self):
        return self._text

    def __str__(self):
        return self._text

    def __repr__(self):
        return "AnyUrl(%r)" % self._text

    def __eq__(self, other):
        return isinstance(other, AnyUrl) and self._text == other._text

    def __lt__(self, other):
        return self._text < other._text

    def __hash__(self):
        return hash(self._text)

    def __len__(self):
        return len(self._text)

    def __deepcopy__(self, _memory):
        return self


class _Failure(Exception):
    pass


def _parse(url, text):
    text = re.sub(r"[\t\n\r]", "", text.strip("".join(map(chr, range(33)))))
    found = _SCHEME.match(text)
    if found is None:
        raise _Failure("relative URL without a base")
    scheme = url.scheme = found.group(1).lower()
    special = scheme in _PORTS
    rest, mark, fragment = text[found.end() :].partition("#")
    url.fragment = _encode(fragment, _FRAGMENT) if mark else None
    rest, mark, query = rest.partition("?")
    url.query = _encode(query, _SPECIAL_QUERY if special else _QUERY) if mark else None
    url.username = url.password = url.host = url.port = None
    host = None
    if special:
        rest = rest.replace("\\", "/")
    if scheme == "file":
        host, path = _file(rest)
    elif special:
        authority, slash, path = rest.lstrip("/").partition("/")
        host = _authority(url, authority, scheme)
        path = slash + path
    elif rest.startswith("//"):
        authority, slash, path = rest[2:].partition("/")
        host = _authority(url, authority, scheme)
        path = slash + path
    else:
        path = rest
    opaque = host is None and not path.startswith("/")
    if opaque:
        path = _opaque(path, url.query is not None or url.fragment is not None)
    else:
        path = _path(path, scheme)
    url.host = host or None
    url.path = path or None
    url._text = _serialise(url, host, "" if path is None else path, opaque)


def _serialise(url, host, path, opaque):
    text = url.scheme + ":"
    if host is not None:
        text += "//"
        if url.username or url.password:
            text += url.username + (":" + url.password if url.password else "") + "@"
        text += host + (":%d" % url.port if url.port is not None else "")
    elif not opaque and path.startswith("//"):
        text += "/."
    text += path
    if url.query is not None:
        text += "?" + url.query
    if url.fragment is not None:
        text += "#" + url.fragment
    if host is not None and url.port is None:
        url.port = _PORTS.get(url.scheme)
    url.username = url.username or None
    url.password = url.password or None
    return text


def _file(rest):
    """Host and path of a file URL."""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if _DRIVE.fullmatch(host):
            return "", "/" + host + slash + path
        host = _host(host, True) if host else ""
        return ("" if host == "localhost" else host), slash + path
    return "", rest if rest.startswith("/") else "/" + rest


def _authority(url, authority, scheme):
    special = scheme in _PORTS
    credentials, at, host = authority.rpartition("@")
    if at:
        username, colon, password = credentials.partition(":")
        url.username = _encode(username, _USERINFO)
        url.password = _encode(password, _USERINFO) if colon else ""
    found = re.fullmatch(r"(\[[^\]]*\]|[^:\[]*)(?::(.*))?", host, re.DOTALL)
    if found is None:
        raise _Failure("invalid international domain name")
    name, port = found.groups()
    if not name and (special or at or port is not None):
        raise _Failure("empty host")
    if port:
        if not re.fullmatch(r"[0-9]+", port) or int(port) > 65535:
            raise _Failure("invalid port number")
        url.port = None if int(port) == _PORTS.get(scheme) else int(port)
    return _host(name, special) if name else ""


def _host(text, special):
    if text.startswith("["):
        if not text.endswith("]"):
            raise _Failure("invalid IPv6 address")
        return "[%s]" % _ipv6(text[1:-1])
    if not special:
        if _FORBIDDEN_HOST.intersection(text):
            raise _Failure("invalid domain character")
        return _encode(text, frozenset())
    name = _domain(_decode(text))
    if _FORBIDDEN_DOMAIN.intersection(name) or not name:
        raise _Failure("invalid international domain name")
    return _ipv4(name) if _ends_in_number(name) else name


def _ipv6(text):
    from ipaddress import IPv6Address

    try:
        if "%" in text:
            raise ValueError
        address = IPv6Address(text)
    except ValueError:
        raise _Failure("invalid IPv6 address") from None
    pieces = [int(piece, 16) for piece in address.exploded.split(":")]
    # Never with dots, unlike Python from 3.13 on.
    return ":".join("%x" % piece for piece in pieces) if _longest_zeros(pieces) is None else _compressed(pieces)


def _longest_zeros(pieces):
    best = None
    at = 0
    while at < 8:
        end = at
        while end < 8 and pieces[end] == 0:
            end += 1
        if end - at > 1 and (best is None or end - at > best[1] - best[0]):
            best = (at, end)
        at = end + 1
    return best


def _compressed(pieces):
    start, end = _longest_zeros(pieces)
    return ":".join("%x" % piece for piece in pieces[:start]) + "::" + ":".join("%x" % piece for piece in pieces[end:])


def _ends_in_number(name):
    labels = name.split(".")
    if labels[-1] == "" and len(labels) > 1:
        labels.pop()
    last = labels[-1]
    return re.fullmatch(r"[0-9]+|0[xX][0-9A-Fa-f]*", last) is not None


def _ipv4(name):
    labels = name.split(".")
    if labels[-1] == "" and len(labels) > 1:
        labels.pop()
    numbers = [_number(label) for label in labels]
    if len(numbers) > 4 or any(number > 255 for number in numbers[:-1]) or numbers[-1] >= 256 ** (5 - len(numbers)):
        raise _Failure("invalid IPv4 address")
    address = numbers[-1] + sum(number << (8 * (3 - at)) for at, number in enumerate(numbers[:-1]))
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def _number(label):
    try:
        if label[:2] in ("0x", "0X"):
            return int(label[2:], 16) if label[2:] else 0
        if not re.fullmatch(r"[0-9]+", label):
            raise ValueError
        return int(label, 8) if len(label) > 1 and label[0] == "0" else int(label)
    except ValueError:
        raise _Failure("invalid IPv4 address") from None


def _domain(name):
    """The ASCII form of a name."""
    if name.isascii():
        name = name.lower()
        for label in name.split("."):
            if label.startswith("xn--"):
                _check_encoded(label)
        return name
    import encodings.idna
    import unicodedata

    labels = []
    for label in re.split("[.\u3002\uff0e\uff61]", unicodedata.normalize("NFC", name)):
        try:
            parts = re.split("([%s])" % _DEVIATIONS, label.lower().replace("\u1e9e", "\u00df"))
            if any(joiner in label for joiner in "\u200c\u200d"):
                raise UnicodeError
            prepared = "".join(part if part in tuple(_DEVIATIONS) else encodings.idna.nameprep(part) for part in parts)
            if not prepared.isascii():
                prepared = "xn--" + prepared.encode("punycode").decode("ascii")
            elif prepared.startswith("xn--"):
                _check_encoded(prepared)
        except UnicodeError:
            raise _Failure("invalid international domain name") from None
        labels.append(prepared)
    return ".".join(labels)


def _check_encoded(label):
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        if decoded.isascii() or decoded.encode("punycode").decode("ascii") != label[4:]:
            raise UnicodeError
    except (UnicodeError, ValueError, OverflowError):
        raise _Failure("invalid international domain name") from None


def _path(path, scheme):
    segments = []
    parts = path[1:].split("/") if path.startswith("/") else ([] if path == "" and scheme not in _PORTS else path.split("/"))
    for at, part in enumerate(parts):
        last = at == len(parts) - 1
        dots = part.lower().replace("%2e", ".")
        if dots == "..":
            if segments and not (scheme == "file" and len(segments) == 1 and re.fullmatch("[A-Za-z]:", segments[0])):
                segments.pop()
            if last:
                segments.append("")
        elif dots == ".":
            if last:
                segments.append("")
        else:
            if scheme == "file" and not segments and _DRIVE.fullmatch(part):
                part = part[0] + ":"
            segments.append(_encode(part, _PATH))
    return "".join("/" + segment for segment in segments)


def _opaque(path, followed):
    if followed and path.endswith(" "):
        path = path.rstrip(" ") + "%20" if path.endswith(" ") else path
    return _encode(path, frozenset())


def _encode(text, reserved):
    """Percent-encoded: controls, what is not ASCII, and `reserved`."""
    if text.isascii() and text.isprintable() and not reserved.intersection(text):
        return text
    return "".join(
        character
        if " " <= character <= "~" and character not in reserved
        else "".join("%%%02X" % byte for byte in character.encode("utf-8", "replace"))
        for character in text
    )


def _decode(text):
    from urllib.parse import unquote_to_bytes

    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise _Failure("invalid international domain name") from None
