"""Memory in one process, through Python's allocator."""


def run(meta, raw):
    hoard = []
    while True:
        hoard.append(bytearray(b"x") * (4 << 20))
    yield {}
