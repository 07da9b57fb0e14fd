import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { counterKhz, rateOf } from "./counter-program.ts";

test("the rate of the counter is measured, whatever Linux tells of the processor", async (t) => {
  if (process.arch !== "x64" || process.platform !== "linux") {
    t.skip("the program is for Linux on x86-64");
    return;
  }
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-counter-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const rates = [await counterKhz(folder), await counterKhz(folder)];
  for (const khz of rates) assert.ok(khz !== null && khz > 100_000, `${khz} kHz`);
  const [one = 0, other = 0] = rates.map(Number);
  assert.ok(Math.abs(one / other - 1) < 0.01, rates.join(", "));
  // A machine's machine is told its own rate, and not how fast the processor runs at the moment.
  const cpuinfo = readFileSync("/proc/cpuinfo", "utf8");
  const told = Number(/^cpu MHz\s*:\s*(\S+)$/mu.exec(cpuinfo)?.[1]) * 1000;
  if (/ hypervisor /u.test(cpuinfo) && !/ aperfmperf /u.test(cpuinfo))
    assert.ok(Math.abs(one / told - 1) < 0.01, `${one} instead of ${told} kHz`);
});

test("looks that something came between do not count", () => {
  const looks = Buffer.alloc(16 * 32);
  for (let index = 0; index < 16; index += 1) {
    const isGood = index === 3 || index === 14;
    const ns = BigInt(index) * 5_000_000n;
    const ticks = ns * 2n + (isGood ? 0n : 7_000_000n);
    looks.writeBigUInt64LE(ticks, index * 32);
    looks.writeBigUInt64LE(10n, index * 32 + 8);
    looks.writeBigUInt64LE(ns, index * 32 + 16);
    looks.writeBigUInt64LE(ticks + (isGood ? 0n : 9_000_000n), index * 32 + 24);
  }
  assert.equal(rateOf(looks), 2_000_000);
  assert.equal(rateOf(looks.subarray(32)), null);
});
