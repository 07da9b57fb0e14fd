import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";

import { draftIn, writeWhole } from "./drafts.ts";
import { reap } from "./reap.ts";

describe("what is being made for microVMs", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-drafts-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  it("is removed when the process that made it was killed, and not before", async () => {
    for (const where of ["", "cache/blocks", "initramfs", "kernels", "snapshots"]) {
      const place = path.join(folder, "microvm", where);
      const own = draftIn(place);
      const anothers = own.replace(/-\d+-(\d+-\d+)$/u, "-7-$1");
      // Of a process that cannot be seen.
      const [nobodys, young] = [1, 2].map((number) =>
        own.replace(/whiskers-\d+-\d+-\d+-\d+$/u, `whiskers-1-7-8-${number}`),
      );
      assert.ok(nobodys !== undefined && young !== undefined);
      const kept = path.join(place, "kept");
      for (const draft of [own, anothers, nobodys, young, kept]) {
        mkdirSync(draft, { recursive: true });
        writeFileSync(path.join(draft, "memory"), "");
      }
      utimesSync(nobodys, 0, 0);
      utimesSync(kept, 0, 0);
      await reap(folder);
      assert.deepEqual([own, anothers, nobodys, young, kept].map(existsSync), [
        true,
        false,
        false,
        true,
        true,
      ]);
    }
  });

  it("is there whole, for every user, or not at all", async () => {
    const [file, taken] = [path.join(folder, "file"), path.join(folder, "taken")];
    mkdirSync(path.join(taken, "by a folder"), { recursive: true });
    const umask = process.umask(0o077);
    try {
      await writeWhole(file, Buffer.from("content"), 0o644);
      await assert.rejects(writeWhole(taken, Buffer.from("content"), 0o644));
    } finally {
      process.umask(umask);
    }
    assert.equal(statSync(file).mode & 0o777, 0o644);
    assert.deepEqual(readdirSync(folder).toSorted(), ["file", "taken"]);
  });

  it("is there whole where power is lost", async (t) => {
    const [disk, later, mounted] = ["disk", "later", "mounted"].map((name) => path.join(folder, name));
    assert.ok(disk !== undefined && later !== undefined && mounted !== undefined);
    mkdirSync(mounted);
    writeFileSync(disk, "");
    truncateSync(disk, 64 * 1024 * 1024);
    const mount = (file: string): void => {
      // The names of files are on the disk within a second, what is in them within half a minute.
      execFileSync("mount", ["-o", "loop,commit=1", file, mounted], { stdio: "pipe" });
    };
    const unmount = (): void => {
      execFileSync("umount", ["-l", mounted]);
    };
    try {
      execFileSync("/usr/sbin/mkfs.ext4", ["-q", disk], { stdio: "pipe" });
      mount(disk);
    } catch (error) {
      t.skip(`no file can be mounted as a disk here: ${String(error)}`);
      return;
    }
    const content = Buffer.alloc(300_000, "content");
    try {
      await writeWhole(path.join(mounted, "file"), content, 0o644);
      await setTimeout(2500);
      copyFileSync(disk, later);
    } finally {
      unmount();
    }
    mount(later);
    try {
      assert.ok(readFileSync(path.join(mounted, "file")).equals(content));
    } finally {
      unmount();
    }
  });
});
