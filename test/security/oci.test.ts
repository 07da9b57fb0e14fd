/** The hostile suite against the `oci` driver, on what the machine has. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";
import { GVISOR } from "./weaknesses.ts";

const RUNTIMES = ["runc", "crun", "runsc"] as const;

// Before any suite begins: each has a TMPDIR of its own.
const reasons = new Map<string, string | undefined>();
for (const runtime of RUNTIMES) reasons.set(runtime, await whyUnavailable(runtime));
for (const runtime of RUNTIMES) {
  const isSlow = runtime === "runsc";
  hostileSuite(`oci (${runtime})`, (stateDirectory) => makeDriver(runtime, stateDirectory), {
    sharesKernel: !isSlow,
    skip: reasons.get(runtime),
    only: triedByDefault(isSlow ? "quick" : "all"),
    ...(isSlow ? GVISOR : {}),
  });
}

function makeDriver(runtime: string, stateDirectory: string): Driver {
  const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
  return createOciDriver({ stateDirectory, sdkFolder, runtime });
}

async function whyUnavailable(runtime: string): Promise<string | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), "whiskers-probe-"));
  try {
    const probe = await makeDriver(runtime, folder).probe();
    return probe.available ? undefined : probe.reason;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
