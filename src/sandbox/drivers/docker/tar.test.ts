import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";

import { tarOf } from "./tar.ts";
import type { TarEntry } from "./tar.ts";
import { treeOf } from "./tree-of.ts";

const LONG = `${"folder-with-a-long-name/".repeat(8)}läuft`;

test("an archive unpacks, by another program, to what was put in", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-tar-"));
  try {
    const source = path.join(folder, "source");
    writeFileSync(source, Buffer.alloc(100_001, "y"));
    const entries: TarEntry[] = [
      { kind: "folder", path: "etc", mode: 0o755 },
      { kind: "file", path: "etc/one", mode: 0o711, content: Buffer.from("text\n") },
      { kind: "file", path: "empty", mode: 0o644, content: Buffer.alloc(0) },
      { kind: "file", path: LONG, mode: 0o644, content: Buffer.from("long") },
      { kind: "copy", path: "copy", mode: 0o600, source, sizeBytes: 100_001 },
      { kind: "link", path: "link", to: `/${LONG}` },
    ];
    const archive = await buffer(Readable.from(tarOf(entries)));
    assert.equal(archive.length % 512, 0);
    const { status, stderr } = spawnSync("tar", ["-xpf", "-", "-C", folder], {
      input: archive,
      encoding: "utf8",
    });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    const at = (name: string): string => path.join(folder, name);
    assert.equal(readFileSync(at("etc/one"), "utf8"), "text\n");
    assert.equal(statSync(at("etc/one")).mode & 0o777, 0o711);
    assert.equal(statSync(at("etc/one")).mtimeMs, 0);
    assert.equal(readFileSync(at(LONG), "utf8"), "long");
    assert.equal(statSync(at("empty")).size, 0);
    assert.deepEqual(readFileSync(at("copy")), readFileSync(source));
    assert.equal(readlinkSync(at("link")), `/${LONG}`);
    const again = await buffer(Readable.from(tarOf(entries)));
    assert.equal(sha256(again), sha256(archive));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a file that changes while it is read is noticed", async () => {
  const entry: TarEntry = {
    kind: "copy",
    path: "a",
    mode: 0o644,
    source: import.meta.filename,
    sizeBytes: 3,
  };
  await assert.rejects(buffer(Readable.from(tarOf([entry]))), /changed while it was read/u);
});

test("a tree is told without what an engine must not get, or cannot", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-tree-"));
  try {
    const at = (name: string): string => path.join(folder, name);
    mkdirSync(at("bin"));
    for (const name of ["bin/tool", "plain"]) writeFileSync(at(name), name);
    chmodSync(at("bin/tool"), 0o4755);
    symlinkSync("/proc/self/mem", at("link"));
    spawnSync("mkfifo", [at("pipe")]);
    writeFileSync(Buffer.concat([Buffer.from(at("bad-")), Buffer.from([0xff])]), "");
    utimesSync(at("plain"), 7, 7);
    const told: TarEntry[] = [];
    for await (const entry of treeOf(folder, "root", { keepTimes: true })) told.push(entry);
    const common = { kind: "copy", sizeBytes: 0 } as const;
    assert.deepEqual(
      told.map((entry) => (entry.kind === "copy" ? { ...entry, ...common, source: "" } : entry)),
      [
        { kind: "folder", path: "root", mode: 0o755 },
        { kind: "folder", path: "root/bin", mode: 0o755 },
        {
          ...common,
          path: "root/bin/tool",
          mode: 0o755,
          source: "",
          changedSeconds: seconds(at("bin/tool")),
        },
        { kind: "link", path: "root/link", to: "/proc/self/mem" },
        { ...common, path: "root/plain", mode: 0o644, source: "", changedSeconds: 7 },
      ],
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function seconds(file: string): number {
  return Math.floor(statSync(file).mtimeMs / 1000);
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
