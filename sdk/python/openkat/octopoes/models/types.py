"""What OpenKAT's module `octopoes.models.types` offers to normalizers."""

from openkat_stand_in.make import made
from openkat_stand_in.table import GROUPS, MODULES, TYPES
from octopoes.models import OOI
from octopoes.models.exception import TypeNotFound

#: The unions of types, for annotations. Here any object is one of them.
_UNIONS = (
    "OOIType ConcreteOOIType NetworkType ConcreteNetworkType FindingTypeType ConcreteFindingTypeType DnsType DnsRecordType "
    "CertificateType ServiceType SoftwareType WebType EmailSecurityType MonitoringType ConfigType ReportsType ScanType"
).split()


def type_by_name(type_name):
    if type_name == "OOI":
        return OOI
    if type_name in TYPES or type_name in GROUPS:
        return made(type_name)
    raise TypeNotFound()


def get_all_types(cls_):
    """The class and all below it."""
    names = list(TYPES) + list(GROUPS)
    return iter([cls_] + [made(name) for name in names if made(name) is not cls_ and issubclass(made(name), cls_)])


def get_abstract_types():
    return {OOI} | {made(name) for name in GROUPS}


def get_concrete_types():
    return {made(name) for name in TYPES}


def get_collapsed_types():
    grouped = {name for names in GROUPS.values() for name in names}
    return {made(name) for name in list(GROUPS) + [name for name in TYPES if name not in grouped]}


def to_concrete(object_types):
    concrete = get_concrete_types()
    return {kind for wanted in object_types for kind in get_all_types(wanted) if kind in concrete}


def get_relations(object_type):
    """Fields of a type that refer to another object, and what they may refer to."""
    return {field.name: type_by_name(field.argument) for field in object_type._fields if field.kind == "reference"}


def get_relation(object_type, property_name):
    return get_relations(object_type)[property_name]


def __getattr__(name):
    if name in _UNIONS:
        return OOI
    if name == "OOI_TYPES":
        return {type_name: made(type_name) for type_name in TYPES}
    if name == "ALL_TYPES":
        return set(get_all_types(OOI))
    if name in MODULES:
        return made(name)
    raise AttributeError("module 'octopoes.models.types' has no attribute %r" % name)
