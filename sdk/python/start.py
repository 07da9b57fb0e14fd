"""Starts the guest: `python3 -S start.py`, with WHISKERS_PACKAGE, WHISKERS_ENTRYPOINT and WHISKERS_STATE set.

It lies beside the package `whiskers`, not in it, so that none of the SDK's own modules can be taken for
one of the normalizer's. All else is in the package, because Python keeps compiled code only of what is imported.
"""

from whiskers.guest import main

main()
