/** What a type checker says of normalizers that use the SDK: pyright in its strict mode, for the oldest Python. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";

interface Diagnostic {
  readonly file: string;
  readonly rule: string;
  readonly range: { readonly start: { readonly line: number } };
}

const TYPED = path.join(import.meta.dirname, "typed");
const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-types-"));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

test(
  "what fits is accepted without a warning, and each mistake is found where it is",
  { timeout: 120_000 },
  () => {
    const project = path.join(scratch, "pyrightconfig.json");
    const settings = {
      include: [path.join(import.meta.dirname, "typed")],
      extraPaths: [path.resolve(import.meta.dirname, "..")],
      typeCheckingMode: "strict",
      pythonVersion: "3.8",
      reportMissingModuleSource: false,
    };
    for (const name of ["right.py", "wrong.py"])
      copyFileSync(path.join(TYPED, name), path.join(scratch, name));
    writeFileSync(project, JSON.stringify(settings));
    const pyright = createRequire(import.meta.url).resolve("pyright/index.js");
    const { stdout } = spawnSync(process.execPath, [pyright, "--outputjson", "-p", project], {
      encoding: "utf8",
    });
    const { generalDiagnostics: found, summary } = JSON.parse(stdout) as {
      readonly generalDiagnostics: readonly Diagnostic[];
      readonly summary: { readonly filesAnalyzed: number };
    };
    assert.equal(summary.filesAnalyzed, 2);
    assert.deepEqual(
      found.filter(({ file }) => file.endsWith("right.py")),
      [],
    );
    const lines = found.map(({ range }) => range.start.line + 1);
    assert.deepEqual(
      [...new Set(lines)].toSorted((a, b) => a - b),
      [1, 3, 4, 5, 6],
      "every statement of wrong.py is wrong",
    );
  },
);
