"""Calls a normalizer's function in this process: python3 in-process.py FOLDER RAW META RUNS.

Prints a JSON array: milliseconds of each run, from the call until its output is JSON text.
"""
import json
import sys
import time

folder, raw_path, meta_path, runs = sys.argv[1:]
sys.path.insert(0, folder)
from normalize import run  # noqa: E402  (the path had to be set first)

with open(raw_path, "rb") as file:
    raw = file.read()
with open(meta_path) as file:
    meta = json.load(file)

times = []
for _ in range(int(runs)):
    started = time.perf_counter()
    "\n".join(json.dumps(record) for record in run(meta, raw))
    times.append((time.perf_counter() - started) * 1000)
print(json.dumps(times))
