"""A stand-in for what normalizers import of pydantic, where that is not installed: the error that models raise."""

from openkat_stand_in.error import ValidationError

__all__ = ("ValidationError",)


def __getattr__(name):
    if name[:2] == "__":
        raise AttributeError(name)
    raise ImportError("pydantic is not installed, and its stand-in has no %s: put pydantic beside the normalizer" % name)
