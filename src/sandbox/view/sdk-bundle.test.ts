import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

import { findPython } from "../interpreters.ts";
import { writeBundle } from "./sdk-bundle.ts";

const SDK = resolve(import.meta.dirname, "../../../sdk/python");
const { executable, cacheTag } = await findPython(null, { searchPath: process.env["PATH"] ?? "" });

/** What a guest says first whose modules lie nowhere but in a bundle that was made for `place`. */
async function guestOf(placeOf: (folder: string) => string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-test-"));
  try {
    cpSync(SDK, folder, { recursive: true, filter: (file) => !file.endsWith("__pycache__") });
    execFileSync(executable, ["-I", join(folder, "compile.py"), folder, placeOf(folder)]);
    await writeBundle(folder, cacheTag, placeOf(folder));
    rmSync(join(folder, "whiskers"), { recursive: true });
    mkdirSync(join(folder, "package"));
    writeFileSync(
      join(folder, "package/normalize.py"),
      "import whiskers.log\ndef run(meta, raw): raise KeyError(raw)\n",
    );
    const env = { WHISKERS_PACKAGE: join(folder, "package"), WHISKERS_ENTRYPOINT: "normalize:run" };
    const { stdout, stderr } = spawnSync(executable, ["-S", "-s", join(folder, "start.py")], {
      env,
      input: "",
    });
    return `${stdout.toString("latin1")}${stderr.toString("utf8")}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a guest finds the SDK's modules in the file that was made of them", async () => {
  assert.match(await guestOf((folder) => folder), /"protocols":\[1\]/u);
});

test("a file that was made for another place is not used: its code would name files that are not there", async () => {
  assert.match(await guestOf(() => "/elsewhere"), /No module named 'whiskers'/u);
});

test("those who make it at the same time do not get in each other's way", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-test-"));
  t.after(() => {
    rmSync(folder, { recursive: true });
  });
  mkdirSync(join(folder, "whiskers/__pycache__"), { recursive: true });
  writeFileSync(join(folder, `whiskers/__pycache__/log.${cacheTag}.pyc`), Buffer.alloc(1_000_000));
  await Promise.all(Array.from({ length: 8 }, () => writeBundle(folder, cacheTag)));
});
