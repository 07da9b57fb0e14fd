"""Keys taken apart again, into the parts from which they were joined."""

from openkat_stand_in.error import Invalid, problem, validation_error
from openkat_stand_in.table import GROUPS, TYPES

#: Types whose key holds references of any type: OpenKAT cannot take those apart either, and recurses for ever.
_ENDLESS = ("SoftwareInstance", "Config", "Question")
#: Types whose parts OpenKAT does not name.
_NAMELESS = ("Finding", "GeographicPoint")


class PrimaryKeyToken:
    """Parts of a key by name, as attributes or items."""

    __slots__ = ("root",)

    def __init__(self, root):
        self.root = root

    def __getitem__(self, name):
        try:
            return self.root[name]
        except KeyError:
            # The host of a web URL: a name or an address, and its key does not say which. OpenKAT has it under one
            # of the two names, by chance.
            if name in ("name", "address") and set(self.root) in ({"network", "name"}, {"network", "address"}):
                return self.root["name" if name == "address" else "address"]
            raise

    def __getattr__(self, name):
        if name[:2] == "__":
            raise AttributeError(name)
        return self[name]

    def __iter__(self):
        return iter(self.root)

    def __eq__(self, other):
        return isinstance(other, PrimaryKeyToken) and self.root == other.root

    __hash__ = None

    def model_dump(self, **_options):
        return {name: part.model_dump() if isinstance(part, PrimaryKeyToken) else part for name, part in self.root.items()}

    def __repr__(self):
        return "PrimaryKeyToken(root=%r)" % (self.root,)

    def __str__(self):
        return "root=%r" % (self.root,)


def tokenize(type_name, natural_key):
    """Parts are handed out in order. What is left over is lost.

    :raises ValueError: too few parts
    """
    if type_name in _ENDLESS:
        raise RecursionError("the key of a %s holds references of any type and cannot be taken apart" % type_name)
    parts = iter(natural_key.split("|"))
    try:
        return _tokens(type_name, parts)
    except StopIteration:
        invalid = Invalid("missing", "too few parts for the key of a %s" % type_name)
        raise validation_error("PrimaryKeyToken", [problem((), invalid, natural_key)]) from None


def _tokens(type_name, parts):
    if type_name in _NAMELESS:
        return PrimaryKeyToken({})
    if type_name == "WebURL":
        return _web_url(parts)
    # Types of one group have keys of the same parts, but for web URLs.
    _group, key, _hashed, _traversable, _readable, fields = TYPES[GROUPS.get(type_name, (type_name,))[0]]
    targets = {field[0]: field[5] for field in fields if field[1] == "reference"}
    return PrimaryKeyToken({name: _tokens(targets[name], parts) if name in targets else next(parts) for name in key.split(" ")})


def _web_url(parts):
    scheme = next(parts)
    network = PrimaryKeyToken({"name": next(parts)})
    host = next(parts)
    kind = "address" if _is_address(host) else "name"
    netloc = PrimaryKeyToken({"network": network, kind: host})
    return PrimaryKeyToken({"scheme": scheme, "netloc": netloc, "port": next(parts), "path": next(parts)})


def _is_address(host):
    return ":" in host or (host.replace(".", "").isdigit() and host.count(".") == 3)
