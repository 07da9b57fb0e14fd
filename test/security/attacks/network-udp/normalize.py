"""UDP to the host's sockets, and broadcast and multicast. Sending may seem to work: the harness listens."""

import socket

from probe import attempt, brief


def run(meta, raw):
    for host, port in brief(raw)["udp"]:
        yield attempt("send", lambda: echo(host, port))
    yield attempt("broadcast", lambda: send_only("255.255.255.255", brief(raw)["udp"][0][1]))
    yield attempt("multicast", lambda: send_only("224.0.0.1", brief(raw)["udp"][0][1]))


def echo(host, port):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.settimeout(0.3)
        sender.sendto(b"attack", (host, port))
        return sender.recv(64)


def send_only(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        return sender.sendto(b"attack", (host, port)) > 0
