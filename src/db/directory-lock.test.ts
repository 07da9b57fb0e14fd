import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";

import { WhiskersError } from "../errors.ts";
import { lockDirectory } from "./directory-lock.ts";

test("one holds it; the next gets it when it is released", async (t) => {
  const directory = temporary(t);
  const first = await lockDirectory(directory, "it");
  await assert.rejects(lockDirectory(directory, "it"), isLocked(`it is in use by process ${process.pid}`));
  await first.release();
  await first.release();
  const second = await lockDirectory(directory, "it");
  await second.release();
  assert.equal(readdirSync(directory).length, 1);
});

test("of many who come at once, exactly one gets it, also over a dead owner's", async (t) => {
  const directory = temporary(t);
  const owner = await startOwner(directory);
  await assert.rejects(lockDirectory(directory, "it"), isLocked(`it is in use by process ${owner.pid}`));
  owner.kill("SIGKILL");
  await once(owner, "exit");
  const results = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory, "it")));
  const winners = results.filter(({ status }) => status === "fulfilled");
  assert.equal(winners.length, 1);
  for (const result of results) if (result.status === "fulfilled") await result.value.release();
});

test("an id that is used again is not the owner", async (t) => {
  const directory = temporary(t);
  const lock = await lockDirectory(directory, "it");
  const [name = ""] = readdirSync(directory);
  const file = join(directory, name);
  const mine = JSON.parse(await (await import("node:fs/promises")).readFile(file, "utf8"));
  await lock.release();
  writeFileSync(file, JSON.stringify({ ...mine, startTime: "1" }));
  await (await lockDirectory(directory, "it")).release();
});

test("an owner that cannot be seen from here holds it as long as it renews its file", async (t) => {
  const directory = temporary(t);
  const file = join(directory, "7");
  writeFileSync(file, JSON.stringify({ pid: 1, startTime: "1", host: "elsewhere", boot: "b", pids: "p" }));
  await assert.rejects(
    lockDirectory(directory, "it"),
    isLocked(/another container or machine \(elsewhere\)/u),
  );
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(file, longAgo, longAgo);
  await (await lockDirectory(directory, "it")).release();
});

function isLocked(message: string | RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError);
    assert.equal(error.code, "state-locked");
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  };
}

async function startOwner(directory: string): Promise<ReturnType<typeof spawn>> {
  const module = new URL("directory-lock.ts", import.meta.url).href;
  const script = `const { lockDirectory } = await import(${JSON.stringify(module)});
    await lockDirectory(${JSON.stringify(directory)}, "it"); console.log("held"); setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  assert.ok(owner.stdout !== null);
  await once(owner.stdout, "data");
  return owner;
}

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "whiskers-lock-"));
  t.after(() => {
    rmSync(directory, { recursive: true });
  });
  return directory;
}
