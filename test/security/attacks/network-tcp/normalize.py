"""TCP to the host's listeners: loopback, every address of the host, both families."""

import errno
import socket

from probe import attempt, brief


def run(meta, raw):
    targets = brief(raw)
    for host, port in targets["tcp"]:
        yield attempt("connect", lambda: reach(host, port))
    yield attempt("connect-without-waiting", lambda: reach_without_waiting(*targets["tcp"][0]))
    yield attempt("interfaces", other_interfaces)


def reach(host, port):
    with socket.create_connection((host, port), timeout=1):
        return "connected to %s" % host


def reach_without_waiting(host, port):
    connection = socket.socket()
    connection.setblocking(False)
    # Refused at once, as where there is no way to it at all, it is not even begun, and a socket that is not is writable.
    if connection.connect_ex((host, port)) not in (0, errno.EINPROGRESS):
        return False
    import select

    _, writable, _ = select.select([], [connection], [], 1)
    return writable and connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


def other_interfaces():
    return [name for _, name in socket.if_nameindex() if name not in ("lo", "sit0", "tunl0")]
