import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { findRuntime } from "./runtimes.ts";

it("Kata after version 1 has no such command line, and where to find it is said", async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-runtimes-"));
  t.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const found = (version: string): ReturnType<typeof findRuntime> => {
    const said = `kata-runtime  : ${version}\n   commit   : 0\n   OCI specs: 1.0.2-dev`;
    writeFileSync(path.join(folder, "kata-runtime"), `#!/bin/sh\necho '${said}'\n`, { mode: 0o755 });
    return findRuntime("kata-runtime", folder);
  };
  assert.equal((await found("1.13.0"))?.version, "kata 1.13.0");
  await assert.rejects(found("3.2.0"), /kata 3\.2\.0 .*version 1.*docker:io\.containerd\.kata\.v2/u);
});
