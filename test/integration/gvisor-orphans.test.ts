/** In gVisor a Python guest is the first process of its sandbox: orphans of its runs come to it. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { openSandboxes } from "../../src/sandbox/sandboxes.ts";
import { barePackage } from "../../src/sandbox/testing/bare-package.ts";
import { CollectingSink, META } from "../../src/sandbox/testing/rig.ts";

const SDK_FOLDER = path.resolve(import.meta.dirname, "../../sdk");
/** Without what is tried here, the eleventh finds no room. */
const RUNS = 14;

/** Leaves an orphan that has ended, and asks for the end of its own child of the run before. */
const NORMALIZER = `
import os, time
before = None

def run(meta, raw):
    global before
    if before is not None and os.waitpid(before, 0) != (before, 7 << 8):
        raise ValueError("its own child was waited for by somebody else")
    reader, writer = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            os.close(reader)
            while os.getppid() != 1:
                time.sleep(0.001)
        os._exit(0)
    os.wait()
    os.close(writer)
    os.read(reader, 1)
    before = os.fork()
    if before == 0:
        os._exit(7)
    yield {"object_type": "Network", "name": str(os.getpid())}
`;

test("orphans that ended take no room from later runs, and a run's own children are left to it", async (t) => {
  const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-orphans-"));
  t.after(() => {
    rmSync(scratch, { recursive: true, force: true });
  });
  const folder = path.join(scratch, "package");
  mkdirSync(folder);
  writeFileSync(path.join(folder, "normalize.py"), NORMALIZER);
  const guest = { kind: "python", version: null, module: "normalize", callable: "run" } as const;
  const pkg = barePackage({ name: "orphans", folder, guest });
  const stateDirectory = path.join(scratch, "state");
  const driver = createOciDriver({ stateDirectory, sdkFolder: SDK_FOLDER, runtime: "runsc" });
  const probe = await driver.probe();
  if (!probe.available) {
    t.skip(probe.reason);
    return;
  }
  const sandboxes = openSandboxes({ drivers: [driver] });
  const options = { runtime: driver.name, state: "reuse", limits: { processes: 12 } } as const;
  const { signal } = new AbortController();
  let warm = 0;
  try {
    for (let run = 0; run < RUNS; run += 1) {
      const sink = new CollectingSink();
      const done = await sandboxes.run(pkg, options, { meta: META, raws: [] }, sink, signal);
      assert.deepEqual(done.outcome, { status: "succeeded" }, `run ${run}`);
      assert.match(sink.text, /"1"/u);
      if (done.timingsMs.open === 0) warm += 1;
    }
  } finally {
    await sandboxes.close();
  }
  assert.ok(warm > RUNS / 2 && warm < RUNS - 1, `${warm} of ${RUNS} runs were in a sandbox that waited`);
});
