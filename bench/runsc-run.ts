import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { WaysThere } from "../src/bench/every-way.ts";
import { runFor } from "../src/bench/way.ts";

/** Of the machine: what a Python needs. */
const SHOWN = ["/usr", "/lib", "/lib64"];
const ANSWER = "import sys; sys.stdout.write('ready\\n')";

const RUNSC_RUN = "runsc run";

/** gVisor's own command with an interpreter that only answers: what a cold start in gVisor is held against. */
export function runscRun(python: string, platform: string): WaysThere {
  const found = spawnSync("runsc", ["--version"], { encoding: "utf8" });
  const version = /version (?<version>\S+)/u.exec(found.stdout ?? "")?.groups?.["version"];
  if (version === undefined) return { ways: [], leftOut: [{ runtime: RUNSC_RUN, reason: "no runsc" }] };
  const folder = mkdtempSync(join(tmpdir(), "whiskers-bench-runsc-"));
  const bundle = join(folder, "bundle");
  for (const made of [...SHOWN, "/proc"]) mkdirSync(join(bundle, "rootfs", made), { recursive: true });
  const binds = SHOWN.map((shown) => ({
    destination: shown,
    type: "bind",
    source: shown,
    options: ["bind", "ro"],
  }));
  const config = {
    ociVersion: "1.0.2",
    root: { path: "rootfs", readonly: true },
    process: { user: { uid: 1000, gid: 1000 }, args: [python, "-S", "-c", ANSWER], env: [], cwd: "/" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }, ...binds],
    linux: { namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })) },
  };
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  const root = `--root=${join(folder, "records")}`;
  const flags = [root, "--network=none", "--ignore-cgroups", `--platform=${platform}`];
  let count = 0;
  const run = async (): Promise<void> => {
    const args = [...flags, "run", "--bundle", bundle, `bench${(count += 1)}`];
    const child = spawn("runsc", args, { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
    await once(child, "close");
    if (said !== "ready\n") throw new Error(`runsc did not answer: ${said}`);
  };
  return {
    ways: [
      {
        name: { runtime: RUNSC_RUN, how: "bare", language: "python" },
        version: `runsc ${version} (${platform})`,
        runs: (budgetMs, atOnce, signal) => runFor(budgetMs, atOnce, signal, run),
      },
    ],
    [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}
