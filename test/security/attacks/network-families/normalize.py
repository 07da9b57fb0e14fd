"""Socket families that no network namespace holds back, or that widen the kernel's surface."""

import socket

from probe import attempt_in_child

FAMILIES = {
    "AF_VSOCK": (40, socket.SOCK_STREAM, 0),  # reaches the hypervisor from any network namespace
    "AF_ALG": (38, socket.SOCK_SEQPACKET, 0),
    "AF_PACKET": (17, socket.SOCK_RAW, 0x0300),
    "AF_NETLINK-netfilter": (16, socket.SOCK_RAW, 12),
    "AF_NETLINK-audit": (16, socket.SOCK_RAW, 9),
    "AF_BLUETOOTH": (31, socket.SOCK_RAW, 1),
    "AF_CAN": (29, socket.SOCK_RAW, 1),
    "AF_TIPC": (30, socket.SOCK_STREAM, 0),
    "AF_KCM": (41, socket.SOCK_DGRAM, 0),
    "AF_XDP": (44, socket.SOCK_RAW, 0),
    "AF_RXRPC": (33, socket.SOCK_DGRAM, 2),
    "AF_KEY": (15, socket.SOCK_RAW, 2),
    "raw-icmp": (2, socket.SOCK_RAW, 1),
    "raw-ip": (2, socket.SOCK_RAW, 255),
    "ping": (2, socket.SOCK_DGRAM, 1),
    "sctp": (2, socket.SOCK_STREAM, 132),
}


def run(meta, raw):
    for name, (family, kind, protocol) in FAMILIES.items():
        yield attempt_in_child(name, lambda: opened(family, kind, protocol))


def opened(family, kind, protocol):
    with socket.socket(family, kind, protocol) as opened_socket:
        return "opened as descriptor %d" % opened_socket.fileno()
