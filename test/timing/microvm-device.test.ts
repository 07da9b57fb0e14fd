import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { measureDevice } from "../../bench/measure-microvm.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";

/** Measured were 1.7 to 1.8; what else goes on here is in it. */
const MOST_ROUND_TRIPS = 3;

test(
  "a run in a warm machine adds little to what the device takes for its bytes",
  { skip: whyNoMachine() ?? false },
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-device-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const subject = { root: await baseRoot("python:3.11"), kernel: await debianKernel(), folder };
    const { roundTripMs, runMs, runInsideMs } = await measureDevice(subject);
    const times = (runMs - runInsideMs) / roundTripMs;
    t.diagnostic(`${times.toFixed(1)} times ${roundTripMs.toFixed(2)} ms`);
    assert.ok(times <= MOST_ROUND_TRIPS, `it adds ${times.toFixed(1)} round trips of ${roundTripMs} ms`);
  },
);
