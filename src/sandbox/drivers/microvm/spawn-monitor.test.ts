import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test } from "node:test";

const SCRIPT = `
const { closeSync, openSync } = await import("node:fs");
const { spawnMonitor } = await import(${JSON.stringify(path.join(import.meta.dirname, "spawn-monitor.ts"))});
const open = [];
try {
  for (;;) open.push(openSync("/dev/null", "r"));
} catch {}
for (const fd of open.splice(-4)) closeSync(fd);
const stdio = Array.from({ length: 10 }, () => "pipe");
const said = await spawnMonitor("/bin/true", [], { stdio, cwd: "/" }).then(() => "started", ({ message }) => message);
for (const fd of open) closeSync(fd);
await new Promise((resolve) => setTimeout(resolve, 50));
console.log(said);
`;

test("a process without descriptors for a monitor's streams is told, and goes on", () => {
  const limited = 'ulimit -n 100; exec "$0" --no-warnings --input-type=module -e "$1"';
  const { stdout, stderr } = spawnSync("/bin/sh", ["-c", limited, process.execPath, SCRIPT], {
    encoding: "utf8",
  });
  assert.equal(stdout, "spawn /bin/true EMFILE\n", stderr);
});
