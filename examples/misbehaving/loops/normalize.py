"""Never ends."""


def run(meta, raw):
    yield {"object_type": "Network", "name": "internet"}
    while True:
        pass
