"""Gives one object, then meets something that it did not expect."""


def run(meta, raw):
    yield {"object_type": "Network", "name": "internet"}
    settings = {"hosts": []}
    yield {"object_type": "Hostname", "network": "Network|internet", "name": settings["hostnames"][0]}
