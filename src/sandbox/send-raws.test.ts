import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, type Writable } from "node:stream";
import { after, before, suite, test } from "node:test";

import type { Raw } from "../domain/raw.ts";
import { sendRaws } from "./send-raws.ts";

const SIZE = 5_000_001;

suite("a large raw file arrives as it is", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-send-"));
  const content = randomBytes(SIZE);
  const sha256 = createHash("sha256").update(content).digest("hex");
  const raw: Raw = { id: "r", path: path.join(folder, "raw"), sizeBytes: SIZE, sha256, mimeTypes: [] };
  const send = (input: Writable): Promise<void> =>
    sendRaws(
      [raw],
      input,
      (piece) => input.write(piece),
      () => input.end(),
      new AbortController().signal,
    );
  before(() => {
    writeFileSync(raw.path, content);
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  test("in a process that reads with pauses", async () => {
    const slow = "(sleep 0.1; head -c 700001; sleep 0.1; cat) | sha256sum";
    const child = spawn("/bin/sh", ["-c", slow], { stdio: ["pipe", "pipe", "inherit"] });
    assert.ok(child.stdin instanceof Socket, "memory is used again for sockets only");
    const [[line]] = await Promise.all([once(child.stdout, "data"), send(child.stdin)]);
    assert.equal(String(line).split(" ")[0], sha256);
  });

  test("through a stream that keeps what it is given until somebody reads", async () => {
    const kept = new PassThrough({ highWaterMark: 2 * SIZE });
    await send(kept);
    const hash = createHash("sha256");
    for await (const piece of kept) hash.update(piece as Buffer);
    assert.equal(hash.digest("hex"), sha256);
  });
});
