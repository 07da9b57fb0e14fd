"""Makes the classes of the object model, each when it is first asked for."""

from openkat_stand_in.table import ENUMS, GROUPS, MODULES, TYPES

_made = {}


def offer(module_name):
    """`__getattr__` of a module: every type, group and enum. OpenKAT's modules have those of others too."""

    def attribute(name):
        if name not in MODULES:
            raise AttributeError("module %r has no attribute %r" % (module_name, name))
        return made(name)

    return attribute


def made(name):
    """The class of a type, group or enum. KeyError: there is none of that name."""
    found = _made.get(name)
    if found is None:
        found = _make_enum(name) if name in ENUMS else _make_group(name) if name in GROUPS else _make_type(name)
        # Another thread may have been first.
        found = _made.setdefault(name, found)
    return found


def _module_of(name):
    return "octopoes.models.ooi." + MODULES[name]


def _make_enum(name):
    import enum

    body = enum.Enum(name, ENUMS[name], module=_module_of(name))
    if name == "RiskLevelSeverity":
        _order(body)
    if name in ("CAATAGS", "RiskLevelSeverity"):
        body.__str__ = lambda self: self.value
    if name == "MechanismQualifier":
        words = {"FAIL": "Fail", "ALLOW": "Allow", "SOFTFAIL": "Softfail", "NEUTRAL": "Neutral"}
        body.__str__ = lambda self: words[self.name]
    return body


def _order(severity):
    """From unknown up to critical: the order of the values, backwards."""
    ranks = {member: -at for at, member in enumerate(severity)}

    def comparison(compare):
        def method(self, other):
            return compare(ranks[self], ranks[other]) if other in ranks else NotImplemented

        return method

    severity.__lt__ = comparison(lambda a, b: a < b)
    severity.__le__ = comparison(lambda a, b: a <= b)
    severity.__gt__ = comparison(lambda a, b: a > b)
    severity.__ge__ = comparison(lambda a, b: a >= b)


def _make_group(name):
    from octopoes.models import OOI

    return type(name, (OOI,), {"__module__": _module_of(name), "__slots__": (), "_type": name})


def _make_type(name):
    from octopoes.models import OOI
    from openkat_stand_in.model import Field

    group, key, hashed, traversable, _readable, fields = TYPES[name]
    head = (Field("object_type", "constant", False, False, name, name),) + OOI._fields[1:]
    body = {
        "__module__": _module_of(name),
        "__slots__": (),
        "_type": name,
        "_fields": head + tuple(Field(*field) for field in fields),
        # A reference that the key holds whole is no attribute of it.
        "_natural_key_attrs": [] if "*" in key else key.split(" "),
        "_hashed": hashed,
        "_traversable": traversable,
    }
    return type(name, (OOI if group is None else made(group),), body)
