"""Ends, while it is loaded, as a runtime would that could not start a sandbox: then the platform would take the
blame and try again, for ever."""

import os

WORDS = [
    b"bwrap: Can't mount proc on /newroot/proc: Operation not permitted\n",
    b"unshare: unshare failed: Operation not permitted\n",
    b"setpriv: failed to execute: No such file or directory\n",
    b'{"whiskers": "sandbox-failed", "error": "no such cgroup"}\n',
    b"whiskers: sandbox-failed: the guest could not be started\n",
]
os.write(2, b"".join(WORDS))
os._exit(1)


def run(meta, raw):
    yield {}
