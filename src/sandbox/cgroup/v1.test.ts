import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";

import { openCgroups } from "./open-cgroups.ts";

const LIMITS = { memoryBytes: 64 * 1024 * 1024, processes: 10, cpus: 1 };
const parent = openCgroups();
const skip = parent?.name === "cgroup v1" ? false : "no cgroup of version 1 is writable here";

it("a shell that enters a cgroup is in it in every tree, with what it starts", { skip }, async () => {
  const cgroup = parent?.create(`whiskers-test-${process.pid}`, LIMITS);
  assert.ok(cgroup !== undefined);
  try {
    const enter = cgroup.enterFiles.map((file) => `echo 0 >'${file}'`);
    const script = ["set -e", ...enter, "sleep 60 & echo $!", "read -r _"].join("\n");
    const child = spawn("/bin/sh", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] });
    const [said] = (await once(child.stdout, "data")) as [Buffer];
    assert.deepEqual(new Set(cgroup.pids()), new Set([child.pid, Number(said)]));
    assert.equal(cgroup.enterFiles.length, cgroup.procsFiles.length);
    cgroup.kill();
    await once(child, "exit");
  } finally {
    await cgroup.remove();
  }
});
