"""Records without end."""


def run(meta, raw):
    while True:
        yield {"x": "y" * 10000}
