/** The hostile suite against the `subprocess` driver, in both ways in which it makes a sandbox. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createSubprocessDriver } from "../../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";

const VARIANTS = ["bubblewrap", "util-linux"] as const;

// Before any suite begins: each has a TMPDIR of its own.
const reasons = new Map<string, string | undefined>();
for (const variant of VARIANTS) reasons.set(variant, await whyUnavailable(variant));
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

async function whyUnavailable(variant: (typeof VARIANTS)[number]): Promise<string | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), "whiskers-probe-"));
  try {
    const probe = await makeDriver(variant, folder).probe();
    if (!probe.available) return probe.reason;
    return probe.version.startsWith(variant) ? undefined : `the driver uses ${probe.version} instead`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
