/** The hostile suite against the `oci` driver, on what the machine has. */
import path from "node:path";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createOciDriver } from "../../src/sandbox/drivers/oci/create-oci-driver.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";
import { GVISOR } from "./weaknesses.ts";
import { whyUnavailable } from "./why-unavailable.ts";

const RUNTIMES = ["runc", "crun", "runsc"] as const;

const reasons = await whyUnavailable(RUNTIMES, makeDriver);
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
