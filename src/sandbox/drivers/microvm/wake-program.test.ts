import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { test } from "node:test";

import { SEED_BYTES, wakeMessage, wakeProgram } from "./wake-program.ts";

/** As nobody: whoever may, sets the clock of this machine. */
const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

test(
  "the program that wakes a machine answers each message, also one in pieces, with whether the kernel obeyed",
  { skip: process.arch !== "x64" },
  async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-wake-"));
    t.after(() => {
      rmSync(folder, { recursive: true });
    });
    chmodSync(folder, 0o755);
    const program = path.join(folder, "wake");
    writeFileSync(program, wakeProgram(), { mode: 0o755 });
    const isRoot = process.geteuid?.() === 0;
    const argv: readonly string[] = isRoot ? [...AS_NOBODY, program] : [program];
    const [command = "", ...args] = argv;
    if (spawnSync(command, args, { input: "" }).status === 126) {
      t.skip("no program runs from the temporary folder");
      return;
    }
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    const said = text(child.stdout);
    const ended = once(child, "exit");
    const message = wakeMessage(Date.UTC(2026, 0, 1), Buffer.alloc(SEED_BYTES, 1));
    child.stdin.write(message);
    child.stdin.write(message.subarray(0, 30));
    await setTimeout(20);
    child.stdin.end(message.subarray(30));
    assert.equal(await said, "seeded 1\nseeded 1\n");
    assert.deepEqual(await ended, [0, null]);
  },
);

test("the time goes with it to the nanosecond", () => {
  const message = wakeMessage(1_767_225_600_250.5, Buffer.alloc(SEED_BYTES, 7));
  assert.equal(message.length, 80);
  assert.equal(message.readBigInt64LE(0), 1_767_225_600n);
  assert.equal(message.readBigInt64LE(8), 250_500_000n);
  assert.deepEqual(message.subarray(16), Buffer.alloc(64, 7));
});
