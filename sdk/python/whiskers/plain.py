"""The plain form (protocol/README.md): the raw file on standard input, JSON Lines on standard output, exit status 0 or 1.

    WHISKERS_META        a file with the NormalizerMeta; not set: it follows from the raw file, as in `whiskers run`
    WHISKERS_PACKAGE, WHISKERS_ENTRYPOINT, WHISKERS_CONVENTION, WHISKERS_DEPENDENCIES  as in guest.py
"""

import json
import os
import sys
from hashlib import sha256

import whiskers.frames as frames
import whiskers.guest as guest
import whiskers.log as log

from .load import load
from .run import Meta, RawFile, Run, collect

_NO_TIME = "1970-01-01T00:00:00Z"


class PlainRun(Run):
    """Writes records as they are, without frames around them, and logs to standard error."""

    def send(self, kind, payload):
        if kind == frames.RECORDS:
            with self._lock:
                frames.write_all(self.fd, payload)

    def log(self, level, message):
        sys.stderr.write("%s: %s\n" % (level, message))


def main():
    _fd_in, fd_out = guest.take_streams()
    guest.find_modules()
    folder = os.environ["WHISKERS_PACKAGE"]
    try:
        with os.fdopen(_fd_in, "rb") as stream:
            content = stream.read()
        sys.path[0] = folder
        function = load(folder, os.environ["WHISKERS_ENTRYPOINT"], os.environ.get("WHISKERS_CONVENTION"))
        meta = Meta(_meta(folder, content))
        raw = meta["raw_data"]
        meta.raws = [RawFile(raw["id"], [kind["value"] for kind in raw["mime_types"]], content)]
        run = PlainRun(fd_out, 1)
        log.attach(run)
        collect(run, function(meta, content))
        run.finish()
    except BaseException:
        import traceback

        traceback.print_exc()
        status = 1
    else:
        status = 0
    sys.stdout.flush()
    sys.stderr.flush()
    # A normalizer may have left threads behind.
    os._exit(status)


def _meta(folder, content):
    file = os.environ.get("WHISKERS_META")
    if file:
        with open(file, "rb") as stream:
            return json.loads(stream.read())
    with open(os.path.join(folder, "normalizer.json"), "rb") as stream:
        manifest = json.loads(stream.read())
    return invented_meta(manifest["id"], manifest.get("version"), content)


def invented_meta(normalizer_id, version, content):
    """Of a raw file that nothing is known of. The same as the host makes: nothing in it but what follows from the file."""
    raw_id = _derived_id("raw", sha256(content).hexdigest())
    return {
        "id": _derived_id("normalizer-meta", normalizer_id + "\0" + raw_id),
        "raw_data": {
            "id": raw_id,
            "boefje_meta": {
                "id": _derived_id("boefje-meta", raw_id),
                "started_at": _NO_TIME,
                "ended_at": _NO_TIME,
                "boefje": {"id": "manual", "version": None},
                "input_ooi": None,
                "arguments": {},
                "organization": "local",
                "runnable_hash": None,
                "environment": None,
            },
            "mime_types": [{"value": "boefje/manual"}, {"value": "normalizer/" + normalizer_id}],
            "secure_hash": None,
            "signing_provider_url": None,
            "hash_retrieval_link": None,
        },
        "normalizer": {"id": normalizer_id, "version": version},
        "started_at": _NO_TIME,
        "ended_at": None,
    }


def _derived_id(kind, name):
    """A UUID of version 8, from the SHA-256 of what it names."""
    data = bytearray(sha256(("whiskers\0%s\0%s" % (kind, name)).encode()).digest()[:16])
    data[6] = data[6] & 0x0F | 0x80
    data[8] = data[8] & 0x3F | 0x80
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
