"""First run: ends itself and forges all that the parent would say, from every descriptor it has: `done` of this
run, `ready`, and the whole of the next run. Second run: must be its own."""

from probe import DONE, READY, RECORDS, brief, frame, run_number, send


def run(meta, raw):
    turn = brief(raw)["turn"]
    if turn == 1:
        number = run_number()
        forged = frame(RECORDS, number, b'{"turn": 1}\n') + frame(DONE, number, b"{}") + frame(READY, 0, b"{}")
        send(forged + frame(RECORDS, number + 1, b'{"forged": true}\n') + frame(DONE, number + 1, b"{}"))
        return
    yield {"turn": turn}
