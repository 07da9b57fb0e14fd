import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path/posix";
import { gunzipSync, zstdDecompressSync } from "node:zlib";

import { WhiskersError } from "../../../errors.ts";
import { findAll } from "../../interpreters.ts";
import { makeFolder } from "../../view/make-folder.ts";
import { cpioOf } from "./cpio.ts";
import type { CpioEntry } from "./cpio.ts";
import { writeWhole } from "./drafts.ts";
import { unpackXz } from "./kernel.ts";
import type { Kernel } from "./kernel.ts";
import { filteredProgram } from "./filtered-program.ts";
import { listenProgram } from "./listen-program.ts";
import { wakeProgram } from "./wake-program.ts";

/** How a machine's streams come to its init: by four serial devices, or by vsock. */
type Streams = "serial" | "vsock";

/** What the init needs of a kernel; what of it is built in has no file. Others come with those that need them. */
const WANTED_MODULES: Readonly<Record<Streams, readonly string[]>> = {
  serial: ["virtio_mmio", "virtio_blk", "virtio_console", "erofs"],
  vsock: ["virtio_mmio", "virtio_blk", "vmw_vsock_virtio_transport", "virtio_rng", "erofs"],
};
/** Programs of busybox that the init uses, and the scripts that it is given. */
const APPLETS =
  "cat dd env head insmod ln mkdir mkfifo mknod mount nsenter poweroff reboot setpriv sh touch usleep".split(
    " ",
  );
const INIT = path.join(import.meta.dirname, "guest-init.sh");
const ELF_PROGRAM_INTERPRETER = 3;

/**
 * The first root of every machine: our init, the static busybox that runs it, and the kernel's modules. Made once
 * for each kernel, init and busybox.
 * @throws WhiskersError `environment-missing`
 */
export async function makeInitramfs(
  kernel: Kernel,
  searchPath: string,
  stateDirectory: string,
): Promise<string> {
  const busybox = await findBusybox(searchPath);
  const init = await readFile(INIT);
  const programs = { wake: wakeProgram(), listen: listenProgram(), filtered: filteredProgram() };
  const parts = JSON.stringify([kernel.digest, APPLETS, WANTED_MODULES, programs]);
  const hash = createHash("sha256").update(parts).update(init).update(busybox).digest("hex");
  const folder = path.join(stateDirectory, "microvm", "initramfs");
  const kept = path.join(folder, `${hash}.cpio`);
  if (existsSync(kept)) return kept;
  const modules = await findModules(kernel);
  const entries: readonly CpioEntry[] = [
    ...["bin", "dev", "guest-root", "modules", "proc", "root-image", "layer-image", "sys"].map((name) => ({
      path: name,
      mode: 0o040_755,
      content: EMPTY,
    })),
    { path: "init", mode: 0o100_755, content: init },
    { path: "bin/busybox", mode: 0o100_755, content: busybox },
    ...APPLETS.map((name) => ({ path: `bin/${name}`, mode: 0o120_777, content: Buffer.from("busybox") })),
    ...Object.entries(programs).map(([name, content]) => ({ path: `bin/${name}`, mode: 0o100_755, content })),
    ...[...modules.contents].map(([name, content]) => ({
      path: `modules/${name}`,
      mode: 0o100_644,
      content,
    })),
    ...Object.entries(modules.orders).map(([streams, order]) => ({
      path: `modules/${streams}`,
      mode: 0o100_644,
      content: Buffer.from(order.map((name) => `${name}\n`).join("")),
    })),
  ];
  await makeFolder(folder);
  await writeWhole(kept, cpioOf(entries), 0o644);
  return kept;
}

const EMPTY = Buffer.alloc(0);

/** One without libraries: none are there. */
async function findBusybox(searchPath: string): Promise<Buffer> {
  const files = findAll("busybox", searchPath);
  for (const file of files) {
    const content = await readFile(file);
    if (isStatic(content)) return content;
  }
  const found = files.length === 0 ? "" : `; ${files.join(", ")} needs libraries`;
  const message = `there is no static busybox for the first process of a machine${found}. On Debian and Ubuntu: apt-get install busybox-static`;
  throw new WhiskersError("environment-missing", message);
}

/** elf(5): a program without PT_INTERP. */
function isStatic(content: Buffer): boolean {
  if (content.length < 64 || content.toString("latin1", 1, 4) !== "ELF") return false;
  const [start, size, count] = [
    Number(content.readBigUInt64LE(32)),
    content.readUInt16LE(54),
    content.readUInt16LE(56),
  ];
  for (let index = 0; index < count; index += 1)
    if (content.readUInt32LE(start + index * size) === ELF_PROGRAM_INTERPRETER) return false;
  return true;
}

interface Modules {
  /** By the names of their files. */
  readonly contents: ReadonlyMap<string, Buffer>;
  /** In which each comes after what it needs. */
  readonly orders: Readonly<Record<Streams, readonly string[]>>;
}

async function findModules({ modulesFolder, version }: Kernel): Promise<Modules> {
  if (modulesFolder === null) return { contents: new Map(), orders: { serial: [], vsock: [] } };
  const files = await readdir(path.join(modulesFolder, "kernel"), { recursive: true });
  const byName = new Map<string, string>();
  for (const file of files) {
    const name = /([^/]+)\.ko(?:\.\w+)?$/u.exec(file)?.[1];
    if (name !== undefined) byName.set(name.replaceAll("-", "_"), path.join(modulesFolder, "kernel", file));
  }
  const builtIn = await readFile(path.join(modulesFolder, "modules.builtin"), "utf8").catch(() => "");
  const contents = new Map<string, Buffer>();
  const add = async (name: string, streams: Streams, order: Set<string>): Promise<void> => {
    const file = byName.get(name);
    if (file === undefined) {
      // Debian's package has no such list: what is not there has to be built in, and if not, the init says so.
      if (builtIn === "" || builtIn.includes(`/${name}.ko`) || streams === "vsock") return;
      const message = `the kernel ${version} has no module ${name}, which a virtual machine needs`;
      throw new WhiskersError("environment-missing", message);
    }
    const content = contents.get(`${name}.ko`) ?? (await unpacked(file));
    for (const needed of needsOf(content)) await add(needed, streams, order);
    contents.set(`${name}.ko`, content);
    order.add(`${name}.ko`);
  };
  const orderOf = async (streams: Streams): Promise<readonly string[]> => {
    const order = new Set<string>();
    for (const name of WANTED_MODULES[streams]) await add(name, streams, order);
    return [...order];
  };
  return { contents, orders: { serial: await orderOf("serial"), vsock: await orderOf("vsock") } };
}

async function unpacked(file: string): Promise<Buffer> {
  const content = await readFile(file);
  if (file.endsWith(".xz")) return unpackXz(content);
  if (file.endsWith(".zst")) return zstdDecompressSync(content);
  return file.endsWith(".gz") ? gunzipSync(content) : content;
}

/** `depends` in the section .modinfo, strings that end with a zero. */
function needsOf(module: Buffer): readonly string[] {
  const at = module.indexOf("\0depends=");
  if (at < 0) return [];
  const start = at + "\0depends=".length;
  const names = module.toString("latin1", start, module.indexOf(0, start));
  return names === "" ? [] : names.split(",").map((name) => name.replaceAll("-", "_"));
}
