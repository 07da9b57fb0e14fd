"""Closes every descriptor and goes on as if nothing were."""

import os

from probe import wait_for_ever


def run(meta, raw):
    os.closerange(0, 4096)
    wait_for_ever()
    yield {}
