/**
 * Writes what follows from protocol/object-model.json: the JSON Schemas of `openkat/1`, the table of the
 * records stage, and the SDKs' classes. `--check` compares instead of writing.
 */
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { goTypes } from "./object-model/go-types.ts";
import { hostTable } from "./object-model/host-table.ts";
import { jsonSchemas } from "./object-model/json-schemas.ts";
import { readModel, REPOSITORY } from "./object-model/model.ts";
import { openkatStandIn } from "./object-model/openkat-stand-in.ts";
import { phpClasses } from "./object-model/php-classes.ts";
import { pythonClasses } from "./object-model/python-classes.ts";
import { rustTypes } from "./object-model/rust-types.ts";
import { typescriptClasses } from "./object-model/typescript-classes.ts";

const model = readModel();
const files = new Map(
  [
    jsonSchemas,
    hostTable,
    goTypes,
    openkatStandIn,
    phpClasses,
    pythonClasses,
    rustTypes,
    typescriptClasses,
  ].flatMap((generate) => [...generate(model)]),
);

process.exitCode = process.argv.includes("--check") ? check() : write();

function write(): number {
  for (const path of strangers()) rmSync(path);
  for (const [path, text] of files) {
    mkdirSync(dirname(join(REPOSITORY, path)), { recursive: true });
    writeFileSync(join(REPOSITORY, path), text);
  }
  return 0;
}

function check(): number {
  const stale = [...files].filter(([path, text]) => {
    const full = join(REPOSITORY, path);
    return !existsSync(full) || readFileSync(full, "utf8") !== text;
  });
  const wrong = [...stale.map(([path]) => path), ...strangers()];
  for (const path of wrong) process.stderr.write(`${path} is stale: run ./dev generate\n`);
  return wrong.length === 0 ? 0 : 1;
}

/** Schemas of types that the model no longer has. */
function strangers(): string[] {
  const folder = "protocol/schemas/openkat/1";
  return globSync(`${folder}/*.json`, { cwd: REPOSITORY })
    .filter((path) => !files.has(path))
    .map((path) => join(REPOSITORY, path));
}
