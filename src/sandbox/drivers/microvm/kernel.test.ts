import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";

import { cpioOf } from "./cpio.ts";
import { findKernel } from "./kernel.ts";
import { unpackLegacyLz4 } from "./lz4.ts";

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-kernel-"));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** An ELF file as far as anybody looks. */
const VMLINUX = Buffer.from(`\x7fELF${"abcabcabc".repeat(1000)}`, "latin1");
mkdirSync(path.join(folder, "lib/modules/6.9.9-test/kernel"), { recursive: true });
mkdirSync(path.join(folder, "boot"));

function kernelFile(name: string, payload: Buffer): string {
  const [sectors, offset] = [1, 64];
  const start = (sectors + 1) * 512 + offset;
  const image = Buffer.alloc(start + payload.length);
  image.writeUInt8(sectors, 0x1f1);
  image.write("HdrS", 0x202);
  image.writeUInt16LE(0x100, 0x20e);
  image.write("6.9.9-test (somebody)\0", 0x300);
  image.writeUInt32LE(offset, 0x248);
  image.writeUInt32LE(payload.length, 0x24c);
  payload.copy(image, start);
  const file = path.join(folder, "boot", name);
  writeFileSync(file, image);
  return file;
}

function withSize(packed: Buffer): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(VMLINUX.length);
  return Buffer.concat([packed, size]);
}

/** One literal, a match that overlaps itself, and literals at the end. */
const LZ4_BLOCK = Buffer.from([0x1f, 0x61, 0x01, 0x00, 0x05, 0x20, 0x62, 0x63]);

test("kernels are unpacked, whichever way they are packed, once", async () => {
  const packings: Readonly<Record<string, Buffer>> = {
    gzip: gzipSync(VMLINUX),
    zstd: withSize(zstdCompressSync(VMLINUX)),
    xz: withSize(execFileSync("xz", ["-c"], { input: VMLINUX })),
  };
  for (const [name, payload] of Object.entries(packings)) {
    const kernel = await findKernel(kernelFile(name, payload), folder);
    assert.equal(kernel.version, "6.9.9-test");
    assert.equal(kernel.modulesFolder, path.join(folder, "lib/modules/6.9.9-test"));
    assert.deepEqual(readFileSync(kernel.file), VMLINUX, name);
    assert.equal((await findKernel(path.join(folder, "boot", name), folder)).file, kernel.file);
  }
});

test("the legacy form of LZ4, and damaged ones", () => {
  const framed = (block: Buffer): Buffer => {
    const head = Buffer.from([0x02, 0x21, 0x4c, 0x18, block.length, 0, 0, 0]);
    return Buffer.concat([head, block]);
  };
  assert.equal(unpackLegacyLz4(framed(LZ4_BLOCK), 27).toString(), `${"a".repeat(25)}bc`);
  for (let length = 0; length < LZ4_BLOCK.length; length += 1)
    assert.throws(() => unpackLegacyLz4(framed(LZ4_BLOCK.subarray(0, length)), 27), RangeError);
  const tooFar = Buffer.from(LZ4_BLOCK);
  tooFar[2] = 0x09;
  assert.throws(() => unpackLegacyLz4(framed(tooFar), 27), RangeError);
});

test("what is no kernel, or has no modules, is named", async () => {
  const text = path.join(folder, "boot/text");
  writeFileSync(text, "no kernel");
  await assert.rejects(findKernel(text, folder), {
    code: "environment-missing",
    message: /text is no x86-64/u,
  });
  await assert.rejects(findKernel("/nonexistent", folder), { code: "environment-missing" });
  const unknown = kernelFile("unknown", withSize(Buffer.from("whatever it is")));
  await assert.rejects(findKernel(unknown, folder), { message: /unknown cannot be unpacked/u });
  rmSync(path.join(folder, "lib"), { recursive: true });
  await assert.rejects(findKernel(kernelFile("bare", gzipSync(VMLINUX)), folder), {
    message: /modules of the kernel 6\.9\.9-test .*virtio-mmio, virtio_blk, erofs not built in/u,
  });
  const names = Buffer.from("virtio-mmio\0virtio_blk\0erofs\0");
  const whole = kernelFile("whole", gzipSync(Buffer.concat([VMLINUX, names])));
  assert.equal((await findKernel(whole, folder)).modulesFolder, null);
});

test("the initramfs is an archive that cpio reads", () => {
  const entries = [
    { path: "bin", mode: 0o040_755, content: Buffer.alloc(0) },
    { path: "bin/x", mode: 0o100_755, content: Buffer.from("12345") },
    { path: "bin/y", mode: 0o120_777, content: Buffer.from("x") },
  ];
  const listed = execFileSync("busybox", ["cpio", "-t"], { input: cpioOf(entries), encoding: "utf8" });
  assert.equal(listed, "bin\nbin/x\nbin/y\n");
});
