"""Every line of the raw file that is a hostname."""

import re

from whiskers import Hostname, Network, log

HOSTNAME = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


def run(meta, raw):
    internet = Network(name="internet")
    yield internet
    lines = raw.decode("utf-8", "replace").lower().split("\n")
    names = dict.fromkeys(line.strip() for line in lines if line.strip())
    for name in names:
        if len(name) <= 253 and HOSTNAME.fullmatch(name):
            yield Hostname(network=internet, name=name)
    log.info("%d different lines", len(names))
