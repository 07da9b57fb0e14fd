/**
 * The hostile suite against the `oci` driver, on what the machine has. Not yet against runsc: docs/runtimes/oci.md says
 * what of it is known not to hold there.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { hostileSuite } from "./hostile-suite.ts";

const RUNTIMES = [
  { runtime: "runc", sharesKernel: true },
  { runtime: "crun", sharesKernel: true },
] as const;

for (const { runtime, sharesKernel } of RUNTIMES) {
  const skip = await whyUnavailable(runtime);
  const only = process.env["WHISKERS_ATTACKS"]?.split(",");
  hostileSuite(`oci (${runtime})`, (stateDirectory) => makeDriver(runtime, stateDirectory), {
    sharesKernel,
    skip,
    // Names of attacks, by commas: for work on one of them.
    only,
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
