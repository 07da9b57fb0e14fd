/** The hostile suite against the `subprocess` driver, in both ways in which it makes a sandbox. */
import path from "node:path";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createSubprocessDriver } from "../../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";
import { whyUnavailable } from "./why-unavailable.ts";

const VARIANTS = ["bubblewrap", "util-linux"] as const;

const reasons = await whyUnavailable(VARIANTS, makeDriver, (variant, version) => version.startsWith(variant));
for (const variant of VARIANTS) {
  hostileSuite(`subprocess (${variant})`, (stateDirectory) => makeDriver(variant, stateDirectory), {
    sharesKernel: true,
    skip: reasons.get(variant),
    only: triedByDefault("all"),
  });
}

function makeDriver(variant: (typeof VARIANTS)[number], stateDirectory: string): Driver {
  const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
  return createSubprocessDriver({ stateDirectory, sdkFolder, variant });
}
