"""Gives one good object and three that do not fit the schema: each is reported, and none is delivered."""


def run(meta, raw):
    yield {"object_type": "Network", "name": "internet"}
    # No such field; no such value; a reference to an object of another type.
    yield {"object_type": "Hostname", "network": "Network|internet", "name": "example.com", "colour": "green"}
    yield {"object_type": "IPPort", "address": "IPAddressV4|internet|192.0.2.10", "protocol": "TCP", "port": 80}
    yield {"object_type": "IPAddressV4", "network": "Hostname|internet|example.com", "address": "192.0.2.10"}
