import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";

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
      const nobodys = path.join(place, ".559-83bab92f");
      const young = path.join(place, ".560-83bab92f");
      const kept = path.join(place, "kept");
      for (const draft of [own, anothers, nobodys, young, kept]) {
        mkdirSync(draft, { recursive: true });
        writeFileSync(path.join(draft, "memory"), "");
      }
      utimesSync(nobodys, 0, 0);
      utimesSync(kept, 0, 0);
      await reap(folder);
      assert.deepEqual([own, anothers, nobodys, young, kept].map(existsSync), [true, false, false, true, true]);
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
});
