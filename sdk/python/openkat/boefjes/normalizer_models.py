"""What OpenKAT's module `boefjes.normalizer_models` offers to normalizers."""

from openkat_stand_in.model import Field, Model


class NormalizerDeclaration(Model):
    """An object that exists because somebody says so."""

    __slots__ = ()
    _fields = (
        Field("type", "constant", False, False, "declaration", "declaration"),
        Field("ooi", "object", True, False),
        Field("end_valid_time", "datetime", False, True),
    )


class NormalizerAffirmation(Model):
    """Facts about an object that something else has found."""

    __slots__ = ()
    _fields = (
        Field("type", "constant", False, False, "affirmation", "affirmation"),
        Field("ooi", "object", True, False),
    )


class NormalizerOutput:
    """What a normalizer may yield: for annotations."""


__all__ = ("NormalizerAffirmation", "NormalizerDeclaration", "NormalizerOutput")
