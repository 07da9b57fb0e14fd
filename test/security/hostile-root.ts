import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";

import type { Root } from "../../src/domain/package.ts";
import { findAll } from "../../src/sandbox/interpreters.ts";
import { baseRoot } from "../fixtures/base-root.ts";
import type { Attack } from "./attack.ts";
import type { HostTargets } from "./host-targets.ts";

/** A root filesystem as an attacker would make it, on top of one with Python. */
export async function makeHostileRoot(
  kind: NonNullable<Attack["root"]>,
  targets: HostTargets,
): Promise<Root> {
  const base = await baseRoot("python:3.11");
  const name = `${kind}-${randomBytes(6).toString("hex")}`;
  const folder = path.join(targets.folder, "roots", name);
  mkdirSync(path.dirname(folder), { recursive: true });
  copyTree(base.folder, folder);
  if (kind === "links") replaceByLinks(folder, targets);
  else addPrivileges(folder);
  return { name, digest: `sha256:${randomBytes(32).toString("hex")}`, folder };
}

/** By hard links where that is possible: what is changed below is a new file each time. */
function copyTree(from: string, to: string): void {
  try {
    execFileSync("cp", ["-al", from, to], { stdio: "ignore" });
  } catch {
    rmSync(to, { recursive: true, force: true });
    execFileSync("cp", ["-a", from, to]);
  }
}

function replaceByLinks(folder: string, targets: HostTargets): void {
  const links = {
    proc: targets.folder,
    dev: `${"../".repeat(20)}${targets.folder.slice(1)}`,
    sys: "/dev/shm",
    tmp: targets.folder,
    whiskers: `${"../".repeat(20)}${targets.folder.slice(1)}`,
    run: "/proc/1/root",
    home: "/proc/self/cwd",
  };
  for (const [name, target] of Object.entries(links)) {
    rmSync(path.join(folder, name), { recursive: true, force: true });
    symlinkSync(target, path.join(folder, name));
  }
}

/** Character and block devices by number, from the kernel's admin-guide/devices.txt. */
const DEVICES = [
  ["mem", "c", "1", "1"],
  ["null", "c", "1", "3"],
  ["kmsg", "c", "1", "11"],
  ["tty0", "c", "4", "0"],
  ["fuse", "c", "10", "229"],
  ["loop0", "b", "7", "0"],
  ["sda", "b", "8", "0"],
  ["vda", "b", "254", "0"],
] as const;

function addPrivileges(folder: string): void {
  const place = path.join(folder, "usr/attack");
  mkdirSync(place);
  const cat = path.join(folder, "usr/bin/cat");
  for (const [name, mode] of [
    ["id-set-uid", 0o4755],
    ["id-set-gid", 0o2755],
    ["id-capabilities", 0o755],
  ] as const) {
    copyFileSync(cat, path.join(place, name));
    chmodSync(path.join(place, name), mode);
  }
  if (process.geteuid?.() !== 0) return;
  const [setcap] = findAll("setcap", `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin`);
  if (setcap !== undefined) execFileSync(setcap, ["cap_sys_admin+ep", path.join(place, "id-capabilities")]);
  for (const [name, ...device] of DEVICES)
    execFileSync("mknod", ["-m", "666", path.join(place, name), ...device]);
}
