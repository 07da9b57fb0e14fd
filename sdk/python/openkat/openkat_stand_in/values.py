"""Values of fields: what each kind takes, in pydantic's lax mode, and how it looks in JSON."""

import sys

from openkat_stand_in.error import Invalid


def read(kind, argument, given):
    """The value that a field of this kind holds. `argument`: its enum, constant or bounds.

    :raises Invalid: the field does not take it
    """
    return READERS[kind](given, argument)


def _text(given, _argument=None):
    if isinstance(given, str):
        return given if type(given) is str else str.__str__(given)
    if isinstance(given, (bytes, bytearray)):
        try:
            return bytes(given).decode("utf-8")
        except UnicodeDecodeError:
            raise Invalid("string_unicode", "Input should be a valid string, unable to parse raw data as a unicode string")
    if hasattr(type(given), "__members__") and isinstance(given.value, str):
        return given.value
    raise Invalid("string_type", "Input should be a valid string")


def _upper_case(given, _argument):
    value = _text(given)
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Invalid("string_unicode", "Input should be a valid string, it holds half a surrogate pair") from None
    return value.strip().upper()


def _title(given, _argument):
    if not hasattr(given, "strip"):
        raise Invalid("string_type", "Input should be a valid string")
    value = _text(given).strip()
    if value == "":
        raise Invalid("string_too_short", "String should have at least 1 character")
    return value


def _reference(given, _argument):
    from octopoes.models import Reference

    if type(given) is Reference:
        return given
    if hasattr(given, "primary_key"):
        hint = "a reference is taken, not the object; write .reference after it"
        raise Invalid("string_type", "Input should be a valid string: " + hint)
    return Reference(_text(given))


def _hostname(given, _argument):
    from openkat_stand_in.hostname import hostname

    return hostname(_text(given))


def _url(given, _argument):
    from openkat_stand_in.url import AnyUrl

    if isinstance(given, AnyUrl):
        return given
    if not isinstance(given, str) and type(given).__name__ != "AnyUrl":
        raise Invalid("url_type", "URL input should be a string or URL")
    return AnyUrl(str(given))


def _json_schema(given, _argument):
    from openkat_stand_in.json_schema import check_json_schema

    value = _text(given)
    check_json_schema(value)
    return value


def _integer(given, bounds):
    value = _whole(given)
    if bounds is not None:
        if value < bounds[0]:
            raise Invalid("greater_than_equal", "Input should be greater than or equal to %d" % bounds[0])
        if value > bounds[1]:
            raise Invalid("less_than_equal", "Input should be less than or equal to %d" % bounds[1])
    return value


def _whole(given):
    if type(given) is int:
        return given
    if isinstance(given, int) and not hasattr(given, "name"):
        return int(given)
    if isinstance(given, float):
        if given != given or given in (float("inf"), float("-inf")):
            raise Invalid("finite_number", "Input should be a finite number")
        if given != int(given):
            raise Invalid("int_from_float", "Input should be a valid integer, got a number with a fractional part")
        return int(given)
    if isinstance(given, (str, bytes)):
        try:
            return _whole_of_text(_text(given).strip())
        except ValueError:
            raise Invalid("int_parsing", "Input should be a valid integer, unable to parse string as an integer") from None
    if isinstance(given, int):
        return int(given)
    if type(given).__name__ == "Decimal" and given == int(given):
        return int(given)
    raise Invalid("int_type", "Input should be a valid integer")


def _whole_of_text(text):
    """Digits with a sign, single underscores between them, and zeros after a point."""
    whole, point, zeros = text.partition(".")
    if point and (not zeros or zeros.strip("0") or not whole.strip("+-")):
        raise ValueError
    if not whole.isascii() or whole != whole.strip() or (whole[:1] in "+-" and not whole[1:2].isdigit()):
        raise ValueError
    return int(whole)


def _float(given, bounds):
    # Where a float has bounds in the model it is strict too: numbers only.
    strict = bounds is not None
    if type(given).__name__ == "Decimal":
        value = float(given)
    elif isinstance(given, bool) or not isinstance(given, (int, float)):
        if strict or isinstance(given, complex):
            raise Invalid("float_type", "Input should be a valid number")
        if isinstance(given, (str, bytes)):
            try:
                text = _text(given)
                # Underscores are taken, but not beside spaces.
                value = float(text if "_" in text and text == text.strip() else text.strip().replace("_", "?"))
            except ValueError:
                problem = "Input should be a valid number, unable to parse string as a number"
                raise Invalid("float_parsing", problem) from None
        else:
            try:
                value = float(given)
            except (TypeError, ValueError):
                raise Invalid("float_type", "Input should be a valid number") from None
    else:
        value = float(given)
    if bounds is not None and not bounds[0] <= value <= bounds[1]:
        which = "greater than or equal to %r" if value < bounds[0] else "less than or equal to %r"
        edge = float(bounds[0] if value < bounds[0] else bounds[1])
        raise Invalid("less_than_equal", "Input should be " + which % edge)
    return value


_TRUE = ("1", "on", "t", "true", "y", "yes")
_FALSE = ("0", "off", "f", "false", "n", "no")


def _boolean(given, _argument):
    if isinstance(given, bool):
        return given
    if isinstance(given, (int, float)) and given in (0, 1):
        return given == 1
    if isinstance(given, (str, bytes)):
        word = _text(given).lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise Invalid("bool_parsing", "Input should be a valid boolean, unable to interpret input")
    raise Invalid("bool_type", "Input should be a valid boolean")


def _enum(given, name):
    from openkat_stand_in.make import made

    kind = made(name)
    if isinstance(given, kind):
        return given
    try:
        return kind(given)
    except (ValueError, TypeError):
        values = [repr(member.value) for member in kind]
        choices = " or ".join([", ".join(values[:-1]), values[-1]])
        raise Invalid("enum", "Input should be %s" % choices) from None


def _constant(given, value):
    if type(given) is str and given == value:
        return value
    raise Invalid("literal_error", "Input should be %r" % value)


def _ipv4(given, _argument):
    return _address(given, "IPv4Address", 4)


def _ipv6(given, _argument):
    return _address(given, "IPv6Address", 6)


def _address(given, name, version):
    import ipaddress

    kind = getattr(ipaddress, name)
    if isinstance(given, kind):
        return given
    try:
        if isinstance(given, (str, int, bytes)):
            return kind(given)
    except ValueError:
        pass
    raise Invalid("ip_v%d_address" % version, "Input is not a valid IPv%d address" % version)


def _uuid(given, _argument):
    import uuid

    if isinstance(given, uuid.UUID):
        return given
    try:
        if isinstance(given, str):
            return uuid.UUID(given)
        if isinstance(given, bytes):
            return uuid.UUID(bytes=given) if len(given) == 16 else uuid.UUID(_text(given))
    except ValueError:
        raise Invalid("uuid_parsing", "Input should be a valid UUID") from None
    raise Invalid("uuid_type", "UUID input should be a string, bytes or UUID object")


def _datetime(given, _argument):
    from openkat_stand_in.moments import read_datetime

    return read_datetime(given)


def _duration(given, _argument):
    from openkat_stand_in.moments import read_duration

    return read_duration(given)


def _json(given, _argument):
    if not isinstance(given, dict):
        raise Invalid("dict_type", "Input should be a valid dictionary")
    return dict(given)


def _texts(given, _argument):
    return [_item(_text, item, at) for at, item in enumerate(_list(given))]


def _asset_reports(given, _argument):
    return [_item(_asset_report, item, at) for at, item in enumerate(_list(given))]


def _asset_report(item, _argument):
    if isinstance(item, dict) or hasattr(item, "object_type"):
        from openkat_stand_in.make import made

        return made("AssetReport").model_validate(item)
    return _text(item)


def _list(given):
    if isinstance(given, (list, tuple, set, frozenset)) or type(given).__name__ in ("generator", "deque", "dict_keys", "dict_values"):
        return list(given)
    raise Invalid("list_type", "Input should be a valid list")


def _item(reader, item, at):
    try:
        return reader(item, None)
    except Invalid as invalid:
        raise Invalid(invalid.kind, "%s (at %d)" % (invalid.message, at)) from None


def _object(given, _argument):
    """An object of any type, or a dict that says its type."""
    from openkat_stand_in.table import TYPES
    from octopoes.models import OOI

    # These may be the real ones, where `octopoes` is installed and `boefjes` is not.
    if isinstance(given, OOI):
        return given
    if isinstance(given, dict):
        name = given.get("object_type")
        if name in TYPES:
            from octopoes.models.types import type_by_name

            return type_by_name(name)(**given)
        raise Invalid("model_type", "Input should be an object of OpenKAT's model; object_type is %r" % (name,))
    raise Invalid("model_type", "Input should be an object of OpenKAT's model")


def _mime_types(given, _argument):
    return [dict(item) if isinstance(item, dict) else {"value": _text(item)} for item in _list(given)]


def _model(given, kind):
    return kind.model_validate(given)


def _scan_level(given, _argument):
    from octopoes.models import ScanLevel

    try:
        return ScanLevel(_whole(given))
    except (ValueError, Invalid):
        raise Invalid("enum", "Input should be 0, 1, 2, 3 or 4") from None


def _scan_profile(given, _argument):
    from octopoes.models import DeclaredScanProfile, EmptyScanProfile, InheritedScanProfile, ScanProfileBase

    if isinstance(given, ScanProfileBase):
        return given
    kinds = {"empty": EmptyScanProfile, "declared": DeclaredScanProfile, "inherited": InheritedScanProfile}
    if isinstance(given, dict) and given.get("scan_profile_type", "empty") in kinds:
        return kinds[given.get("scan_profile_type", "empty")](**given)
    raise Invalid("model_type", "Input should be a scan profile")


READERS = {
    "text": _text,
    "upper-case": _upper_case,
    "title": _title,
    "reference": _reference,
    "hostname": _hostname,
    "url": _url,
    "json-schema": _json_schema,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "enum": _enum,
    "constant": _constant,
    "ipv4": _ipv4,
    "ipv6": _ipv6,
    "uuid": _uuid,
    "datetime": _datetime,
    "duration": _duration,
    "json": _json,
    "texts": _texts,
    "asset-reports": _asset_reports,
    "object": _object,
    "model": _model,
    "mime-types": _mime_types,
    "scan-level": _scan_level,
    "scan-profile": _scan_profile,
}


def json_form(value):
    """A field's value as JSON has it."""
    kind = type(value)
    if value is None or kind in (str, int, bool):
        return value
    if kind is float:
        # JSON has no other numbers.
        return value if value - value == 0 else None
    if isinstance(value, str):
        return str.__str__(value)
    if kind is list:
        return [json_form(item) for item in value]
    if kind is dict:
        return {key if isinstance(key, str) else str(key): json_form(item) for key, item in value.items()}
    if hasattr(kind, "__members__"):
        return value.value
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if kind.__module__ == "datetime":
        from openkat_stand_in.moments import write_datetime, write_duration

        return write_duration(value) if kind.__name__ == "timedelta" else write_datetime(value)
    if kind.__name__ == "IPv6Address":
        return ipv6_text(value)
    if kind.__module__ in ("ipaddress", "uuid") or kind.__name__ == "AnyUrl":
        return str(value)
    if kind in (tuple, set, frozenset):
        return [json_form(item) for item in value]
    return value


def ipv6_text(address):
    """As Python 3.13 writes it, which OpenKAT's images run: before, IPv4-mapped addresses looked otherwise."""
    text = str(address)
    if sys.version_info >= (3, 13) or address.ipv4_mapped is None:
        return text
    _address, percent, scope = text.partition("%")
    return "::ffff:%s%s%s" % (address.ipv4_mapped, percent, scope)
