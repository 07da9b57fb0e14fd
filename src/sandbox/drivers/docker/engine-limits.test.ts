import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { it } from "node:test";

import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { containerSettings } from "./container-settings.ts";
import { askPodman, limitsOfDocker } from "./engine-limits.ts";
import { limitsScript } from "./init.ts";

it("an ordinary user's Podman limits what it has controllers for, root's all", async () => {
  const told = (rootless: boolean, cgroupControllers: readonly string[]) =>
    askPodman({ ask: () => Promise.resolve({ host: { security: { rootless }, cgroupControllers } }) }, 1);
  assert.deepEqual(await told(true, []), { isRootless: true, limits: new Set() });
  const delegated = await told(true, ["memory", "pids"]);
  assert.deepEqual(delegated, { isRootless: true, limits: new Set(["memory", "processes"]) });
  assert.deepEqual(await told(false, []), {
    isRootless: false,
    limits: new Set(["memory", "processes", "cpu"]),
  });
});

it("Docker's engine limits all that it does not say no of", () => {
  assert.deepEqual(limitsOfDocker({ MemoryLimit: true }), new Set(["memory", "processes", "cpu"]));
  const none = { MemoryLimit: false, PidsLimit: false, CpuCfsQuota: false };
  assert.deepEqual(limitsOfDocker(none), new Set());
});

it("an engine is asked for no limit that it does not have", () => {
  const settings = (limited: ReadonlySet<"memory" | "processes" | "cpu">): object =>
    (
      containerSettings({
        image: "sha256:0",
        command: { argv: ["true"], env: {} },
        entries: [],
        volume: null,
        limits: DEFAULT_LIMITS,
        labels: {},
        id: 20_000,
        seccomp: null,
        isPodman: true,
        processors: 4,
        limited,
        limitsScript: "",
        runtime: null,
        ownProcesses: 2,
      }) as { readonly HostConfig: object }
    ).HostConfig;
  const names = ["Memory", "MemorySwap", "PidsLimit", "NanoCpus"];
  const asked = (limited: Parameters<typeof settings>[0]): readonly string[] =>
    names.filter((name) => name in settings(limited));
  assert.deepEqual(asked(new Set(["memory", "processes", "cpu"])), names);
  assert.deepEqual(asked(new Set(["memory", "processes"])), ["Memory", "MemorySwap", "PidsLimit"]);
  assert.deepEqual(asked(new Set()), []);
});

for (const shell of ["dash", "bash", "busybox"]) {
  const missing = spawnSync("which", [shell]).status !== 0 && `no ${shell} here`;
  it(`limits that the init sets are the same in ${shell}`, { skip: missing }, () => {
    const limits = { ...DEFAULT_LIMITS, processes: 3998, openFiles: 99, tmpBytes: 1024 * 1024 };
    const script = `${limitsScript(limits, 64 * 1024 * 1024)}exec cat /proc/self/limits`;
    const args = [...(shell === "busybox" ? ["sh"] : []), "-c", script];
    const { stdout, stderr } = spawnSync(shell, args, { encoding: "utf8" });
    const found = (name: string): string | undefined =>
      new RegExp(`^${name} +(\\S+) +(\\S+)`, "mu").exec(stdout)?.slice(1).join(" ");
    assert.equal(found("Max open files"), "99 99", stderr);
    assert.equal(found("Max file size"), "1048576 1048576");
    assert.equal(found("Max processes"), "4000 4000");
    assert.equal(found("Max data size"), "67108864 67108864");
    assert.equal(found("Max core file size"), "0 0");
    assert.equal(found("Max stack size"), "8388608 8388608");
    assert.equal(found("Max locked memory"), "65536 65536");
  });
}
