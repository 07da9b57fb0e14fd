"""Runs a normalizer once by the plain form: `python3 -S -s plain.py < raw`, with WHISKERS_PACKAGE and
WHISKERS_ENTRYPOINT set. An image that `whiskers build` made starts this when nobody says otherwise: whiskers/plain.py.
"""

from whiskers.plain import main

main()
