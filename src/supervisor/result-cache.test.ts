import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { commandPackage } from "../../test/fixtures/command-package.ts";
import { benchMeta } from "../bench/bench-meta.ts";
import type { Connection, Database } from "../db/database.ts";
import { createInlineDriver } from "../sandbox/drivers/inline/create-inline-driver.ts";
import { openSandboxes } from "../sandbox/sandboxes.ts";
import { resultCache } from "./result-cache.ts";

const unused = (): Promise<never> => Promise.reject(new Error("no database is asked"));
const NOWHERE: Database = {
  kind: "server",
  version: "",
  query: unused satisfies Connection["query"],
  script: unused,
  transaction: unused,
  close: unused,
};

test("a result of one of this machine's programs is not that of another of its name", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-programs-"));
  try {
    const results = resultCache(NOWHERE, "1", 1000);
    const raw = { id: "r", path: "/dev/null", sizeBytes: 0, sha256: "00", mimeTypes: ["text/plain"] };
    const keys: string[] = [];
    const environments: string[] = [];
    for (const text of ["echo 1", "echo 2", "echo 1"]) {
      writeFileSync(path.join(folder, "filter"), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
      const options = { stateDirectory: folder, sdkFolder: folder, searchPath: folder };
      const sandboxes = openSandboxes({ drivers: [createInlineDriver(options)] });
      for (const argv of [["filter"], [path.join(folder, "filter")]]) {
        const pkg = commandPackage(folder, argv);
        const description = await sandboxes.describe(pkg, { runtime: "inline", state: "fresh" });
        environments.push(String(description.environment.digest));
        keys.push(results.keyOf(pkg, description, benchMeta(), raw));
      }
      await sandboxes.close();
    }
    const [one, oneByPath, two, twoByPath, again] = keys;
    assert.deepEqual([one, oneByPath], [again, keys[5]]);
    assert.ok(one !== two && oneByPath !== twoByPath);
    assert.match(environments[0] ?? "", /^sha256:[0-9a-f]{64}$/u);
    const own = await openSandboxes({
      drivers: [createInlineDriver({ stateDirectory: folder, sdkFolder: folder, searchPath: folder })],
    }).describe(commandPackage(folder, ["./filter"]), { runtime: "inline", state: "fresh" });
    assert.equal(own.environment.digest, null, "its package's digest has it");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
