import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";

const SCRIPT = readFileSync(path.join(import.meta.dirname, "guest-init.sh"), "utf8");

/** The init's functions alone, run here, with files in place of the machine's. */
describe("the init of a microVM", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-init-"));
    mkdirSync(path.join(folder, "cgroup"));
    for (const [name, content] of Object.entries({
      "cgroup/cgroup.events": "populated 0\n",
      "cgroup/memory.peak": "4096\n",
      "cgroup/cpu.stat": "usage_usec 7\n",
      "cgroup/memory.events": "oom_kill 0\n",
      input: "",
      guest: "sleep 0.1; echo output; echo errors >&2; exit 3\n",
    }))
      writeFileSync(path.join(folder, name), content);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("marks the end of what was printed after it has come, though the input has ended and the way is slow", () => {
    const script = `GUEST=${folder}/cgroup IN=input OUT=output ERR=errors STREAMS=serial
${functionsIn(folder)}
cat() { [ "$(readlink /proc/self/fd/0)" = ${folder}/input ] || sleep 0.3; busybox cat; }
cd ${folder}
supervise MARK relayed 4>control`;
    execFileSync("busybox", ["sh", "-c", script], { stdio: ["ignore", "ignore", "pipe"], timeout: 10_000 });
    const said = (name: string): string => readFileSync(path.join(folder, name), "utf8");
    assert.equal(said("output"), "output\nMARK");
    assert.equal(said("errors"), "errors\nMARK");
    assert.equal(said("control"), "started\nended 3 4096 7 0\n");
  });

  it("marks the end also where the guest left its output so that no write waits, and full", async () => {
    const fifo = path.join(folder, "fifo");
    execFileSync("mkfifo", [fifo]);
    const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    mkdirSync(path.join(folder, "run"));
    const script = `GUEST=${folder}/cgroup STREAMS=vsock
${functionsIn(folder)}
supervise MARK direct 4>${folder}/control 7>${folder}/errors`;
    try {
      assert.throws(() => {
        for (;;) writeSync(fd, Buffer.alloc(4096, "x"));
      }, /EAGAIN/u);
      const stdio = ["ignore", "ignore", "ignore", "ignore", "ignore", "ignore", fd] as const;
      const child = spawn("busybox", ["sh", "-c", script], { stdio: [...stdio] });
      const ended = once(child, "exit");
      await setTimeout(500);
      const read = Buffer.alloc(1024 * 1024);
      readSync(fd, read);
      await ended;
      const bytes = readSync(fd, read);
      assert.equal(read.toString("latin1", 0, bytes), "MARK");
    } finally {
      closeSync(fd);
    }
  });
});

/** Of the init, with this folder in place of the machine's own files. */
function functionsIn(folder: string): string {
  return SCRIPT.slice(SCRIPT.indexOf("complain()"), SCRIPT.indexOf("mount -t devtmpfs"))
    .replaceAll("/run", `${folder}/run`)
    .replaceAll("/guest\n", `${folder}/guest\n`);
}
