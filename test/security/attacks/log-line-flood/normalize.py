"""Log frames of nothing but line breaks, and of entries with nothing in them."""

from probe import LOG, frame, run_number, send


def run(meta, raw):
    number = run_number()
    while True:
        send(frame(LOG, number, b"\n" * (1 << 20)))
        send(frame(LOG, number, b'{"level":"info","message":""}\n' * 10000))
    yield {}
