"""A stand-in for OpenKAT's package `boefjes`: what normalizers import of it (docs/openkat-normalizers.md)."""

STAND_IN = True
