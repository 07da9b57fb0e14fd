"""Never comes back."""


def run(meta, raw):
    while True:
        pass
    yield {}
