"""What OpenKAT's module `octopoes.models` offers to normalizers."""

import enum

from openkat_stand_in.model import Field, Model


class Reference(str):
    """`Type|natural key` of an object."""

    @classmethod
    def parse(cls, ref_str):
        object_type, natural_key = str(ref_str).split("|", 1)
        return object_type, natural_key

    @classmethod
    def from_str(cls, ref_str):
        return cls(ref_str)

    @classmethod
    def validate(cls, value, *_rest):
        if not isinstance(value, str):
            raise TypeError("string required")
        return cls(value)

    @property
    def class_(self):
        return self.parse(self)[0]

    @property
    def natural_key(self):
        return self.parse(self)[1]

    @property
    def class_type(self):
        from octopoes.models.types import type_by_name

        return type_by_name(self.class_)

    @property
    def tokenized(self):
        from openkat_stand_in.tokens import tokenize

        self.class_type
        return tokenize(self.class_, self.natural_key)

    @property
    def human_readable(self):
        from openkat_stand_in.readable import readable

        self.class_type
        return readable(self)

    def __repr__(self):
        return "Reference(%s)" % str.__repr__(self)


class ScanLevel(enum.IntEnum):
    """How far an object may be scanned."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4

    def __str__(self):
        return str(self.value)


class ScanProfileType(enum.Enum):
    """Where the level of an object comes from."""

    DECLARED = "declared"
    INHERITED = "inherited"
    EMPTY = "empty"


class ScanProfileBase(Model):
    """The level of an object."""

    __slots__ = ()
    _fields = (
        Field("scan_profile_type", "text", True, False),
        Field("reference", "reference", True, False),
        Field("level", "scan-level", True, False),
        Field("user_id", "integer", False, True),
    )

    @property
    def human_readable(self):
        return "L%d" % self.level


class EmptyScanProfile(ScanProfileBase):
    __slots__ = ()
    _fields = (
        Field("scan_profile_type", "constant", False, False, "empty", "empty"),
        ScanProfileBase._fields[1],
        Field("level", "scan-level", False, False, 0),
        ScanProfileBase._fields[3],
    )


class InheritedScanProfile(ScanProfileBase):
    __slots__ = ()
    _fields = (Field("scan_profile_type", "constant", False, False, "inherited", "inherited"),) + ScanProfileBase._fields[1:]


class DeclaredScanProfile(ScanProfileBase):
    """A level that somebody, or a normalizer, sets."""

    __slots__ = ()
    _fields = (Field("scan_profile_type", "constant", False, False, "declared", "declared"),) + ScanProfileBase._fields[1:]


class OOI(Model):
    """An object of interest. The types are in `octopoes.models.ooi`."""

    __slots__ = ()
    _fields = (
        Field("object_type", "text", True, False),
        Field("scan_profile", "scan-profile", False, True),
        Field("user_id", "integer", False, True),
        Field("primary_key", "text", False, False, ""),
    )
    _type = "OOI"
    _natural_key_attrs = []
    _hashed = None
    _traversable = True

    def __init__(self, **data):
        from openkat_stand_in.table import TYPES

        if self._type not in TYPES:
            raise TypeError("%s is a group of types and has no objects of its own" % self._type)
        super().__init__(**data)

    def _complete(self, values):
        if not values["primary_key"]:
            from openkat_stand_in.keys import natural_key

            values["primary_key"] = "%s|%s" % (self._type, natural_key(self._type, values))

    @classmethod
    def get_object_type(cls):
        return cls._type

    @classmethod
    def get_ooi_type(cls):
        return cls._type

    @property
    def ooi_type(self):
        return self._type

    @property
    def natural_key(self):
        from openkat_stand_in.keys import natural_key

        return natural_key(self._type, self.__dict__)

    @property
    def reference(self):
        return Reference(self.primary_key)

    @property
    def human_readable(self):
        return self.reference.human_readable

    @classmethod
    def format_reference_human_readable(cls, reference):
        return Reference(reference).human_readable

    @classmethod
    def get_tokenized_primary_key(cls, natural_key):
        from openkat_stand_in.tokens import tokenize

        return tokenize(cls._type, natural_key)

    @classmethod
    def traversable(cls):
        return cls._traversable

    @classmethod
    def strict_subclasses(cls):
        from octopoes.models.types import get_all_types

        return [kind for kind in get_all_types(cls) if kind is not cls]

    def get_information_id(self):
        return self.primary_key

    def serialize(self):
        """The form that boefjes and normalizers get their input in."""
        from openkat_stand_in.serialized import serialized

        return serialized(self)

    def __hash__(self):
        return hash(self.primary_key)

    def __str__(self):
        return self.primary_key


ScanProfile = ScanProfileBase


def format_id_short(id_):
    """The id, shortened in the middle."""
    return id_ if len(id_) <= 33 else id_[:15] + "..." + id_[-15:]


def __getattr__(name):
    if name == "PrimaryKeyToken":
        from openkat_stand_in.tokens import PrimaryKeyToken

        return PrimaryKeyToken
    raise AttributeError("module 'octopoes.models' has no attribute %r" % name)
