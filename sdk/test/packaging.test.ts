import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { VERSION } from "../typescript/version.ts";

const SDK = path.join(import.meta.dirname, "..");

test("every SDK is packaged, and says it has the version of Whiskers", () => {
  const read = (file: string): string => readFileSync(path.join(SDK, file), "utf8");
  const find = (file: string, pattern: RegExp): string | undefined => pattern.exec(read(file))?.[1];
  const wanted = JSON.parse(read("../package.json")).version;
  assert.deepEqual(
    {
      "python, packaged": find("python/pyproject.toml", /^version = "(.+)"$/mu),
      "python, in ready": find("python/whiskers/__init__.py", /^VERSION = "(.+)"$/mu),
      "typescript, packaged": JSON.parse(read("typescript/package.json")).version,
      "typescript, in ready": VERSION,
      "php, in ready": find("php/src/Guest.php", /VERSION = '(.+)';/u),
      "go, in ready": find("go/guest.go", /^const version = "(.+)"$/mu),
      "rust, packaged and in ready": find("rust/Cargo.toml", /^version = "(.+)"$/mu),
    },
    {
      "python, packaged": wanted,
      "python, in ready": wanted,
      "typescript, packaged": wanted,
      "typescript, in ready": wanted,
      "php, in ready": wanted,
      "go, in ready": wanted,
      "rust, packaged and in ready": wanted,
    },
  );
  assert.equal(JSON.parse(read("php/composer.json")).name, "whiskers/whiskers");
  assert.match(read("go/go.mod"), /^module whiskers$/mu);
});
