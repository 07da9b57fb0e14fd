"""A stand-in for OpenKAT's package `octopoes`: as much of it as normalizers use, with the standard library only.

It is last on the path, so it is used only where the real package is not installed (docs/openkat-normalizers.md).
"""

STAND_IN = True
