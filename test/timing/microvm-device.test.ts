import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { measureDevice } from "../../bench/measure-microvm.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";

/** Measured was 1.4. */
const MOST_ROUND_TRIPS = 2;
/**
 * The median of a round trip in its fastest, on a machine that has time: 1.5. On one with twenty processes for each processor
 * it was 6, and what was measured was how long a run waits for its turn.
 */
const BUSY = 3;

test(
  "a run in a warm machine adds little to what the device takes for its bytes",
  { skip: whyNoMachine() ?? false },
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-device-"));
    t.after(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const subject = { root: await baseRoot("python:3.11"), kernel: await debianKernel(), folder };
    const { roundTripMs, fastestRoundTripMs, runMs, runInsideMs, addedRoundTrips } =
      await measureDevice(subject);
    const [trip, run, inside] = [roundTripMs, runMs, runInsideMs].map((ms) => ms.toFixed(2));
    const said = `a run takes ${run} ms, ${inside} ms of it inside, a round trip ${trip} ms: ${addedRoundTrips.toFixed(2)} times`;
    t.diagnostic(said);
    if (roundTripMs > BUSY * fastestRoundTripMs) {
      t.skip(
        `this machine is too busy: the fastest round trip took ${fastestRoundTripMs.toFixed(2)} ms; ${said}`,
      );
      return;
    }
    assert.ok(addedRoundTrips <= MOST_ROUND_TRIPS, said);
  },
);
