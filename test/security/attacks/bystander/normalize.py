"""Not an attack: the honest normalizer that runs beside every attack and must not notice."""

import hashlib


def run(meta, raw):
    for line in bytes(raw).splitlines():
        yield {"line": line.decode(), "sha256": hashlib.sha256(line).hexdigest()}
