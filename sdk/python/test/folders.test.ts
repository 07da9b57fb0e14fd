import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { findInterpreters } from "./interpreters.ts";

const interpreter = findInterpreters()[0]?.path ?? "python3";
const SDK = join(import.meta.dirname, "..");

function withFolder(body: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-test-"));
  try {
    body(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("empty_folders: deep, closed and linked things go, what links lead to stays", () => {
  withFolder((outside) => {
    writeFileSync(join(outside, "kept"), "");
    withFolder((folder) => {
      // Deeper than a path may be long: made step by step, as a hostile run would.
      const dig = [
        "import os, sys",
        "os.chdir(sys.argv[1])",
        "for n in range(600):",
        "    os.mkdir('d' * 8); open('f', 'w').close(); os.chdir('d' * 8)",
        "os.chmod('.', 0)",
      ].join("\n");
      execFileSync(interpreter, ["-I", "-c", dig, folder]);
      symlinkSync(outside, join(folder, "link"));
      mkdirSync(join(folder, "closed"));
      writeFileSync(join(folder, "closed", "file"), "");
      chmodSync(join(folder, "closed"), 0);
      const empty = [
        "import sys",
        "sys.path.insert(0, sys.argv[1])",
        "import whiskers.empty_folders as e",
        "sys.exit(0 if e.empty_folders([sys.argv[2], '/does/not/exist'], 60) else 1)",
      ].join("\n");
      execFileSync(interpreter, ["-I", "-B", "-c", empty, SDK, folder]);
      assert.deepEqual(readdirSync(folder), []);
    });
    assert.ok(existsSync(join(outside, "kept")));
  });
});

test("compile.py: compiles what it can and leaves the rest", () => {
  withFolder((folder) => {
    writeFileSync(join(folder, "good.py"), "X = 1\n");
    writeFileSync(join(folder, "bad.py"), "def (\n");
    execFileSync(interpreter, ["-I", join(SDK, "compile.py"), folder]);
    const compiled = readdirSync(join(folder, "__pycache__"));
    assert.equal(compiled.length, 1);
    assert.match(compiled[0] ?? "", /^good\.cpython-\d+\.pyc$/);
  });
});
