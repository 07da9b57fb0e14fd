"""Says `done`, then gives more records, for this run and the next."""

from probe import DONE, RECORDS, frame, run_number, send, wait_for_ever


def run(meta, raw):
    number = run_number()
    send(frame(RECORDS, number, b"{\"n\": 1}\n") + frame(DONE, number, b"{}"))
    send(frame(RECORDS, number, b"{\"late\": true}\n") + frame(RECORDS, number + 1, b"{\"late\": true}\n"))
    wait_for_ever()
    yield {}
