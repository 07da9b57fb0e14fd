/**
 * What Whiskers knows of Firecracker's API: requests, and what is answered. Held against the strict stand-in that other
 * tests use, and against the real program where there is one; so the stand-in is as strict as that.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "node:test";
import type { TestContext } from "node:test";

import { FirecrackerApi } from "../../src/sandbox/drivers/microvm/firecracker/api.ts";
import { eventually } from "../fixtures/eventually.ts";
import { fakeFirecracker, realFirecracker, tickingKernel } from "../fixtures/firecracker.ts";

type Method = "PUT" | "PATCH" | "GET";
/** What is asked, and what is said to it; null: it is done. */
type Exchange = readonly [Method, string, object | null, RegExp | null];

const MACHINE = { vcpu_count: 1, mem_size_mib: 128, smt: false };
const BOOT = { kernel_image_path: "kernel", initrd_path: "initramfs", boot_args: "console=ttyS0" };
const DISK = { drive_id: "disk0", path_on_host: "disk", is_root_device: false, is_read_only: true };
const VSOCK = { guest_cid: 3, uds_path: "vsock.sock" };
const START = { action_type: "InstanceStart" };
const SAVE = { snapshot_type: "Full", snapshot_path: "state", mem_file_path: "memory" };
const BACKEND = { backend_type: "File", backend_path: "memory" };
const LOAD = { snapshot_path: "state", mem_backend: BACKEND, resume_vm: true };
const NOT_BEFORE = /^The requested operation is not supported before starting the microVM\.$/u;
const NOT_AFTER = /^The requested operation is not supported after starting the microVM\.$/u;

const REFUSED: readonly Exchange[] = [
  ["PUT", "/machine-config", { ...MACHINE, bogus: 1 }, /unknown field `bogus`, expected /u],
  ["PUT", "/machine-config", { mem_size_mib: 128 }, /missing field `vcpu_count`/u],
  ["PUT", "/machine-config", { ...MACHINE, vcpu_count: "1" }, /invalid type: string/u],
  ["PUT", "/machine-config", { ...MACHINE, vcpu_count: 0 }, /number of vCPUs must be greater than 0/u],
  ["PUT", "/machine-config", { ...MACHINE, mem_size_mib: 0 }, /memory size \(MiB\) is either 0/u],
  ["PUT", "/boot-source", { kernel_image_path: "none" }, /kernel file cannot be opened: No such file/u],
  ["PUT", "/boot-source", { ...BOOT, initrd_path: "none" }, /initrd file cannot be opened/u],
  ["PUT", "/drives/disk0", { ...DISK, path_on_host: "none" }, /Error manipulating the backing file/u],
  ["PUT", "/drives/other", DISK, /id from the path does not match/u],
  ["PUT", "/vsock", { guest_cid: 3 }, /missing field `uds_path`/u],
  ["PUT", "/vsock", { ...VSOCK, uds_path: "no/where" }, /Error binding to the host-side Unix socket/u],
  ["PUT", "/entropy", { source: "/dev/zero" }, /unknown field `source`/u],
  ["PUT", "/actions", { action_type: "Explode" }, /unknown variant `Explode`/u],
  ["PUT", "/actions", START, /without kernel configuration/u],
  ["PATCH", "/vm", { state: "Asleep" }, /unknown variant `Asleep`/u],
  ["PATCH", "/vm", { state: "Paused" }, NOT_BEFORE],
  ["PUT", "/snapshot/create", SAVE, NOT_BEFORE],
  ["PUT", "/nowhere", {}, /^Invalid request method and\/or path: PUT nowhere\.$/u],
];
const CONFIGURED: readonly Exchange[] = [
  ["GET", "/version", null, null],
  ["PUT", "/machine-config", MACHINE, null],
  [
    "PUT",
    "/snapshot/load",
    { snapshot_path: "state" },
    /either `mem_backend` or `mem_file_path` is required/u,
  ],
  ["PUT", "/boot-source", BOOT, null],
  ["PUT", "/snapshot/load", LOAD, /not allowed after configuring boot-specific resources/u],
  ["PUT", "/drives/disk0", DISK, null],
  ["PUT", "/vsock", VSOCK, null],
  ["PUT", "/entropy", {}, null],
  ["PUT", "/actions", START, null],
  ["PUT", "/actions", START, NOT_AFTER],
  ["PUT", "/boot-source", BOOT, NOT_AFTER],
  ["PUT", "/snapshot/create", SAVE, /save\/restore unavailable while running/u],
  ["PATCH", "/vm", { state: "Paused" }, null],
  ["PUT", "/snapshot/create", { snapshot_path: "state" }, /missing field `mem_file_path`/u],
  ["PUT", "/snapshot/create", SAVE, null],
  ["PATCH", "/vm", { state: "Resumed" }, null],
  ["PUT", "/snapshot/load", LOAD, NOT_AFTER],
];

const real = realFirecracker();
const REASON = "no firecracker is on the PATH, and WHISKERS_FIRECRACKER names none";
const folder = mkdtempSync(path.join(tmpdir(), "whiskers-firecracker-"));
process.once("exit", () => {
  rmSync(folder, { recursive: true, force: true });
});
apiContract("the stand-in", fakeFirecracker(folder).firecracker, false);
apiContract("the real one", real?.firecracker ?? "", real === null ? REASON : false);

function apiContract(name: string, program: string, skip: string | false): void {
  suite(`Firecracker's API: ${name}`, { skip }, () => {
    test("refuses what is wrong, each in its own words", async (t) => {
      const { api } = await begin(program, t);
      await hold(api, REFUSED);
    });

    test("takes a machine, starts, stops and saves it, each in its time", async (t) => {
      if (!(await startsHere((await begin(program, t)).api, t))) return;
      const second = await begin(program, t);
      await hold(second.api, CONFIGURED);
      const third = await begin(program, t, second.home);
      rmSync(path.join(second.home, "vsock.sock"));
      await hold(third.api, [["PUT", "/snapshot/load", LOAD, null]]);
      assert.equal(await stateOf(third.api), "Running");
      await hold(third.api, [["PUT", "/snapshot/load", LOAD, NOT_AFTER]]);
    });

    test("ends when a snapshot cannot be loaded", async (t) => {
      const { api, home, ended } = await begin(program, t);
      writeFileSync(path.join(home, "state"), "no snapshot");
      writeFileSync(path.join(home, "memory"), "");
      await hold(api, [
        ["PUT", "/snapshot/load", LOAD, /^Load snapshot error: Failed to restore from snapshot/u],
      ]);
      assert.equal(await ended, 1);
    });

    test("ends with a status of its own when an argument is unknown", async () => {
      const child = spawn(program, ["--bogus"], { stdio: "ignore" });
      const status = await new Promise((resolve) => child.once("exit", resolve));
      assert.equal(status, 153);
    });
  });
}

/** A machine cannot be started where there is no KVM; then this says so, and what could be tried was. */
async function startsHere(api: FirecrackerApi, t: TestContext): Promise<boolean> {
  await hold(api, [
    ["PUT", "/machine-config", MACHINE, null],
    ["PUT", "/boot-source", { kernel_image_path: "kernel" }, null],
  ]);
  try {
    await api.put("/actions", START);
    return true;
  } catch (error) {
    assert.match(String(error), /KVM|kvm/u);
    t.diagnostic(
      `NOT PROVED HERE: starting, saving and loading, for this machine's KVM does not work: ${String(error)}`,
    );
    return false;
  }
}

async function hold(api: FirecrackerApi, exchanges: readonly Exchange[]): Promise<void> {
  for (const [method, path_, body, expected] of exchanges) {
    const asked = `${method} ${path_} ${JSON.stringify(body)}`;
    const done =
      method === "GET"
        ? api.get(path_)
        : method === "PUT"
          ? api.put(path_, body ?? {})
          : api.patch(path_, body ?? {});
    if (expected === null) await done;
    else
      await assert.rejects(done, (error: Error) => {
        const prefix = `${method} ${path_}: `;
        assert.ok(error.message.startsWith(prefix), asked);
        assert.match(error.message.slice(prefix.length), expected, asked);
        return true;
      });
  }
}

async function stateOf(api: FirecrackerApi): Promise<unknown> {
  return ((await api.get("/")) as { state: unknown }).state;
}

async function begin(
  program: string,
  t: TestContext,
  home = mkdtempSync(path.join(folder, "home-")),
): Promise<{ readonly api: FirecrackerApi; readonly home: string; readonly ended: Promise<unknown> }> {
  writeFileSync(path.join(home, "kernel"), tickingKernel());
  writeFileSync(path.join(home, "initramfs"), Buffer.alloc(4096));
  writeFileSync(path.join(home, "disk"), Buffer.alloc(4096));
  rmSync(path.join(home, "api.sock"), { force: true });
  const child = spawn(program, ["--api-sock", "api.sock", "--id", "contract", "--level", "Error"], {
    cwd: home,
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const api = new FirecrackerApi(path.join(home, "api.sock"));
  t.after(() => {
    child.kill("SIGKILL");
    api.close();
  });
  await eventually("it listens", () =>
    api.get("/version").then(
      () => true,
      () => false,
    ),
  );
  return { api, home, ended };
}
