"""Unix sockets: by path, by abstract name (which no mount namespace hides), and whatever lies in /run."""

import os
import socket
import stat

from probe import attempt, brief


def run(meta, raw):
    targets = brief(raw)
    yield attempt("path", lambda: talk(targets["unixPath"]))
    yield attempt("path-through-proc", lambda: talk("/proc/1/root" + targets["unixPath"]))
    yield attempt("abstract", lambda: talk("\0" + targets["unixAbstract"]))
    yield attempt("abstract-datagram", lambda: send("\0" + targets["unixAbstract"]))
    if not targets["harmless"]:
        yield attempt("sockets-in-run", sockets_in_run)


def talk(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        connection.connect(address)
        return "connected"


def send(address):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"attack", address)


def sockets_in_run():
    found = []
    for top in ("/run", "/var/run", "/tmp", "/var/lib"):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                try:
                    if stat.S_ISSOCK(os.lstat(path).st_mode) and talk(path):
                        found.append(path)
                except OSError:
                    pass
    return found
