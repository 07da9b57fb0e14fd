"""Runs a normalizer's function without Whiskers: python3 in-process.py HOW FOLDER RAW META SECONDS.

HOW is `call` (in this process) or `fork` (in a child forked for each run, its output read from a pipe).
Prints a JSON array: milliseconds of each run, until its output is there as JSON text.
"""
import json
import os
import sys
import time

how, folder, raw_path, meta_path, seconds = sys.argv[1:]
sys.path.insert(0, folder)
from normalize import run  # noqa: E402  (the path had to be set first)

with open(raw_path, "rb") as file:
    raw = file.read()
with open(meta_path) as file:
    meta = json.load(file)


def call():
    return "\n".join(json.dumps(record) for record in run(meta, raw))


def fork():
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(readable)
        with open(writable, "w") as output:
            output.write(call())
        os._exit(0)
    os.close(writable)
    with open(readable) as output:
        text = output.read()
    os.waitpid(pid, 0)
    return text


times = []
end = time.perf_counter() + float(seconds)
while not times or time.perf_counter() < end:
    started = time.perf_counter()
    (fork if how == "fork" else call)()
    times.append((time.perf_counter() - started) * 1000)
print(json.dumps(times))
