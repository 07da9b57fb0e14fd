import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { explainFailedMachine } from "./explain-failure.ts";

test("the console that a message names is kept, and of others the last, whoever's they are", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-consoles-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  const explain = (name: string): string =>
    explainFailedMachine({
      end: { signal: null, exitCode: 1, complaint: "" },
      failure: null,
      isBooted: false,
      isStarted: false,
      isCut: false,
      console: `console of ${name}`,
      timedOutMs: null,
      cpuMs: null,
      monitor: "QEMU",
      stateDirectory: folder,
      name,
    });
  for (let count = 0; count < 21; count += 1) {
    explain(`whiskers-1-999-5-${count}`);
    const file = path.join(folder, "microvm/consoles", `whiskers-1-999-5-${count}.log`);
    utimesSync(file, 1000 + count, 1000 + count);
  }
  const file = /its console: (\S+)$/u.exec(explain("whiskers-1-1000-9-1"))?.[1] ?? "";
  assert.equal(readFileSync(file, "utf8"), "console of whiskers-1-1000-9-1");
  const kept = readdirSync(path.dirname(file));
  assert.equal(kept.length, 20);
  assert.ok(!kept.includes("whiskers-1-999-5-1.log"));
  assert.ok(kept.includes("whiskers-1-999-5-2.log"));
});
