"""The form in which OpenKAT gives an object to boefjes and normalizers: nearly all of it text."""

from octopoes.models import Reference


def serialized(ooi):
    return {field.name: _value(ooi.__dict__[field.name], field.required) for field in ooi._fields}


def _value(value, required):
    if isinstance(value, Reference):
        return value.tokenized.model_dump()
    if isinstance(value, list):
        return [_value(item, required) for item in value]
    kind = type(value)
    if hasattr(kind, "__members__"):
        return value.value
    if kind in (int, float, bool, str):
        return value
    if kind.__name__ == "IPv6Address":
        from openkat_stand_in.values import ipv6_text

        return ipv6_text(value)
    return str(value)
