"""Natural keys of objects."""

from openkat_stand_in.table import TYPES
from openkat_stand_in.values import ipv6_text


def natural_key(type_name, values):
    """Joined from the values of the type's key fields.

    :raises ValueError: a reference without `|`
    """
    _group, key, hashed, _traversable, _readable, fields = TYPES[type_name]
    references = {field[0] for field in fields if field[1] == "reference"}
    joined = "|".join([_part(values, name, references) for name in key.split(" ")])
    if hashed is None:
        return joined
    from hashlib import sha1

    text = values[hashed]
    # Wherever the text stands, also as part of something else: so OpenKAT does it.
    return joined.replace(text, sha1(text.encode("utf-8")).hexdigest())


def _part(values, name, references):
    value = values[name.rstrip("*")]
    if value is None:
        return ""
    if name in references:
        _type, natural = value.split("|", 1)
        return natural
    if isinstance(value, str):
        return str.__str__(value)
    kind = type(value)
    if hasattr(kind, "__members__"):
        return value.value
    return ipv6_text(value) if kind.__name__ == "IPv6Address" else str(value)
