import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { every } from "./every.ts";

suite("work that is done again and again", () => {
  test("is done again after it failed, whatever it failed with, and that is told", async () => {
    const ends = new AbortController();
    const told: unknown[] = [];
    const full = Object.assign(new Error("could not extend file"), { code: "53100" });
    let times = 0;
    await every({ ms: 1, signal: ends.signal, onError: (error) => told.push(error), atOnce: true }, () => {
      times += 1;
      if (times === 3) ends.abort();
      return times === 3 ? Promise.resolve() : Promise.reject(full);
    });
    assert.equal(times, 3);
    assert.deepEqual(told, [full, full]);
  });

  test("takes no more than its share of the time", async () => {
    const ends = new AbortController();
    const begun: number[] = [];
    const options = { ms: 1, signal: ends.signal, onError: assert.ifError, mostShare: 0.2 };
    await every(options, async () => {
      begun.push(performance.now());
      if (begun.length === 2) ends.abort();
      else await sleep(30);
    });
    const [first = 0, second = 0] = begun;
    assert.ok(second - first >= 170, `${second - first} ms`);
  });

  test("is not begun when it is over before", async () => {
    const ends = new AbortController();
    const done = every({ ms: 60_000, signal: ends.signal, onError: assert.ifError }, () =>
      Promise.reject(new Error("it was begun")),
    );
    ends.abort();
    await done;
  });
});
