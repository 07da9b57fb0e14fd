import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path/posix";
import { promisify } from "node:util";
import { gunzipSync, zstdDecompressSync } from "node:zlib";

import { WhiskersError } from "../../../errors.ts";
import { makeFolder } from "../../view/make-folder.ts";
import { writeWhole } from "./drafts.ts";
import { LEGACY_LZ4_MAGIC, unpackLegacyLz4 } from "./lz4.ts";

/** A kernel for machines. */
export interface Kernel {
  /** An uncompressed ELF file: Firecracker takes no other, and QEMU starts it faster. */
  readonly file: string;
  /** As `uname -r` will say. */
  readonly version: string;
  /** Holds `kernel/`, with the modules of that version; null: all that a machine needs is built in. */
  readonly modulesFolder: string | null;
  /** Of the file that was named. */
  readonly digest: string;
}

const INSTALL =
  "apt-get install linux-image-cloud-amd64, or unpack that package anywhere (apt-get download, dpkg -x) and set WHISKERS_MICROVM_KERNEL to the boot/vmlinuz in it";
const MOST_BYTES = 512 * 1024 * 1024;

/**
 * The kernel that the user names, or else the newest cloud kernel that is installed; unpacked once, and kept.
 * @throws WhiskersError `environment-missing` there is none, it is none, or its modules are not there although it needs some
 */
export async function findKernel(named: string | null, stateDirectory: string): Promise<Kernel> {
  const file = named ?? (await newestInstalled());
  if (file === null) throw missing(`no kernel for virtual machines is installed. ${INSTALL}`);
  const content = await readFile(file).catch((cause: unknown) => {
    throw missing(`the kernel ${file} cannot be read`, cause);
  });
  const digest = createHash("sha256").update(content).digest("hex");
  const version = versionOf(content);
  if (version === null) throw missing(`${file} is no x86-64 Linux kernel: neither bzImage nor vmlinux`);
  const vmlinux = await unpacked(file, content, digest, stateDirectory);
  const modulesFolder =
    [
      path.resolve(path.dirname(file), "../lib/modules", version),
      path.resolve(path.dirname(file), "../usr/lib/modules", version),
      path.join("/lib/modules", version),
    ].find((folder) => existsSync(path.join(folder, "kernel"))) ?? null;
  if (modulesFolder === null) {
    const lacking = await notBuiltIn(vmlinux);
    if (lacking.length > 0) {
      const message = `the modules of the kernel ${version} are neither beside ${file} nor in /lib/modules, and ${lacking.join(", ")} not built in`;
      throw missing(message);
    }
  }
  return { file: vmlinux, version, modulesFolder, digest };
}

/** Every machine has them, whichever way its streams go; a driver that is built in has its name in the kernel. */
const NEEDED = ["virtio-mmio", "virtio_blk", "erofs"];

async function notBuiltIn(vmlinux: string): Promise<readonly string[]> {
  const content = await readFile(vmlinux);
  return NEEDED.filter((name) => !content.includes(`${name}\0`));
}

async function newestInstalled(): Promise<string | null> {
  const names = await readdir("/boot").catch(() => []);
  const kernels = names.filter((name) => name.startsWith("vmlinuz-")).toSorted(byVersion);
  const name = kernels.findLast((one) => one.includes("cloud")) ?? kernels.at(-1);
  return name === undefined ? null : path.join("/boot", name);
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

const ELF = 0x46_4c_45_7f;
/** Documentation/x86/boot.rst, "The Real-Mode Kernel Header". */
const HEADER = {
  setupSectors: 0x1f1,
  magic: 0x202,
  version: 0x20e,
  payloadOffset: 0x248,
  payloadLength: 0x24c,
};
const HEADER_MAGIC = 0x53_72_64_48;
const SECTOR_BYTES = 512;

function versionOf(content: Buffer): string | null {
  if (isBzImage(content)) {
    const at = content.readUInt16LE(HEADER.version) + SECTOR_BYTES;
    return /^[\w.+~-]+/u.exec(content.toString("latin1", at, at + 200))?.[0] ?? null;
  }
  if (content.length < 4 || content.readUInt32LE(0) !== ELF) return null;
  const at = content.indexOf("Linux version ");
  return at < 0
    ? null
    : (/^Linux version (\S+)/u.exec(content.toString("latin1", at, at + 200))?.[1] ?? null);
}

function isBzImage(content: Buffer): boolean {
  return content.length > SECTOR_BYTES * 2 && content.readUInt32LE(HEADER.magic) === HEADER_MAGIC;
}

async function unpacked(
  file: string,
  content: Buffer,
  digest: string,
  stateDirectory: string,
): Promise<string> {
  if (!isBzImage(content)) return file;
  const folder = path.join(stateDirectory, "microvm", "kernels");
  const kept = path.join(folder, `vmlinux-${digest}`);
  if (existsSync(kept)) return kept;
  let vmlinux: Buffer;
  try {
    vmlinux = await unpackPayload(content);
  } catch (cause) {
    throw missing(`the kernel ${file} cannot be unpacked`, cause);
  }
  await makeFolder(folder);
  await writeWhole(kept, vmlinux, 0o644);
  return kept;
}

/** Packed by one of several methods; the size of what it is follows it. */
async function unpackPayload(image: Buffer): Promise<Buffer> {
  const setupSectors = image.readUInt8(HEADER.setupSectors) || 4;
  const start = (setupSectors + 1) * SECTOR_BYTES + image.readUInt32LE(HEADER.payloadOffset);
  const payload = image.subarray(start, start + image.readUInt32LE(HEADER.payloadLength));
  const packed = payload.subarray(0, -4);
  const sizeBytes = payload.readUInt32LE(payload.length - 4);
  if (sizeBytes > MOST_BYTES) throw new RangeError(`it would be ${sizeBytes} bytes`);
  const vmlinux = await unpack(packed, payload, sizeBytes);
  if (vmlinux.readUInt32LE(0) !== ELF) throw new Error("what is in it is no ELF file");
  return vmlinux;
}

async function unpack(packed: Buffer, withSize: Buffer, sizeBytes: number): Promise<Buffer> {
  const most = { maxOutputLength: MOST_BYTES };
  switch (packed.readUInt32LE(0)) {
    case LEGACY_LZ4_MAGIC:
      return unpackLegacyLz4(packed, sizeBytes);
    case 0xfd_2f_b5_28:
      return zstdDecompressSync(packed, most);
    default:
      // gzip has that size for its own end.
      if (packed.readUInt16LE(0) === 0x8b_1f) return gunzipSync(withSize, most);
      if (packed.readUInt32BE(0) === 0xfd_37_7a_58) return unpackXz(packed);
      throw new Error("it is packed by a method that is not known here: neither lz4, zstd, gzip nor xz");
  }
}

/** Node.js does not know it. */
export async function unpackXz(packed: Buffer): Promise<Buffer> {
  const running = promisify(execFile)("xz", ["-dc", "--single-stream"], {
    encoding: "buffer",
    maxBuffer: MOST_BYTES,
  });
  running.child.stdin?.on("error", () => {}).end(packed);
  return (await running).stdout;
}

function missing(message: string, cause?: unknown): WhiskersError {
  return new WhiskersError("environment-missing", message, cause === undefined ? {} : { cause });
}
