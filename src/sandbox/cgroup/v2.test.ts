import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

import type { CgroupParent } from "./cgroup.ts";
import { openCgroupsV2 } from "./v2.ts";

const LIMITS = { memoryBytes: 1000, processes: 10, cpus: 1.5 };

/** The kernel's files played by plain ones: says what is written where, not that a kernel takes it. */
describe("cgroups of version 2, on plain files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-cgroup-"));
    writeFileSync(path.join(folder, "cgroup.controllers"), "cpuset cpu io memory pids\n");
    writeFileSync(path.join(folder, "cgroup.subtree_control"), "cpu memory pids\n");
    writeFileSync(path.join(folder, "cgroup.procs"), "");
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const open = (at = folder): CgroupParent | null =>
    openCgroupsV2([{ version: 2, controllers: [], folder: at }]);

  it("limits memory, processes and CPU time", () => {
    const parent = open();
    assert.ok(parent);
    assert.deepEqual([...parent.controllers].sort(), ["cpu", "cpuacct", "memory", "pids"]);
    // Files that the kernel would make.
    const made = path.join(folder, "one");
    const cgroup = createWithFiles(parent, made, [
      "memory.swap.max",
      "memory.oom.group",
      "pids.max",
      "cpu.max",
    ]);
    const read = (name: string): string => readFileSync(path.join(made, name), "utf8");
    assert.equal(read("memory.max"), "1000");
    assert.deepEqual(cgroup.procsFiles, [path.join(made, "cgroup.procs")]);
    assert.deepEqual(cgroup.enterFiles, cgroup.procsFiles);
  });

  it("knows a kill for memory, CPU time and the peak", () => {
    const parent = open();
    assert.ok(parent);
    const made = path.join(folder, "two");
    const cgroup = parent.create("two", LIMITS);
    const write = (name: string, text: string): void => {
      writeFileSync(path.join(made, name), text);
    };
    write("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 0\n");
    assert.equal(cgroup.outOfMemory(), false);
    write("memory.events", "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\n");
    assert.equal(cgroup.outOfMemory(), true);
    write("cpu.stat", "usage_usec 1500\nuser_usec 1000\n");
    write("memory.current", "700\n");
    assert.deepEqual(cgroup.usage(), { cpuMs: 1.5, peakMemoryBytes: 700 });
    write("memory.peak", "900\n");
    assert.deepEqual(cgroup.usage(), { cpuMs: 1.5, peakMemoryBytes: 900 });
  });

  it("kills by cgroup.kill where the kernel has it", () => {
    const parent = open();
    assert.ok(parent);
    const cgroup = parent.create("three", LIMITS);
    writeFileSync(path.join(folder, "three", "cgroup.kill"), "");
    cgroup.kill();
    assert.equal(readFileSync(path.join(folder, "three", "cgroup.kill"), "utf8"), "1");
  });

  it("moves itself to a leaf only when nobody else is there", () => {
    writeFileSync(path.join(folder, "cgroup.subtree_control"), "");
    rmSync(path.join(folder, "cgroup.subtree_control"));
    // Its shell has ended, so it belongs to nobody.
    const daemon = execFileSync("sh", ["-c", "sleep 60 >/dev/null 2>&1 & echo $!"], { encoding: "utf8" });
    try {
      writeFileSync(path.join(folder, "cgroup.procs"), daemon);
      assert.equal(open(), null);
    } finally {
      process.kill(Number(daemon));
    }
    assert.equal(existsSync(path.join(folder, "whiskers-runner")), false);
    // The shell or the container's init that led here comes along. A plain file keeps the last that was written.
    writeFileSync(path.join(folder, "cgroup.procs"), `1\n${process.ppid}\n${process.pid}\n`);
    assert.ok(open());
    assert.equal(
      readFileSync(path.join(folder, "whiskers-runner", "cgroup.procs"), "utf8"),
      String(process.pid),
    );
  });

  it("a process in such a leaf uses its parent", () => {
    const leaf = path.join(folder, "whiskers-runner");
    mkdirSync(leaf);
    open(leaf)?.create("four", LIMITS);
    assert.ok(existsSync(path.join(folder, "four")));
  });

  it("is none without the memory controller", () => {
    writeFileSync(path.join(folder, "cgroup.controllers"), "cpu pids\n");
    assert.equal(open(), null);
  });
});

function createWithFiles(
  parent: CgroupParent,
  folder: string,
  names: readonly string[],
): ReturnType<CgroupParent["create"]> {
  const cgroup = parent.create(path.basename(folder), LIMITS);
  for (const name of names) writeFileSync(path.join(folder, name), "");
  return cgroup;
}
