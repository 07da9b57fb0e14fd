import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { Driver } from "../../src/sandbox/driver.ts";

/**
 * Why some of these cannot be tried here, by their names. To be asked of all before the first suite is known: a suite has a
 * TMPDIR of its own, and when none is left that is known the engines of its file end.
 * @param isIt whether a driver of this version is the one of that name
 */
export async function whyUnavailable<Name extends string>(
  names: readonly Name[],
  makeDriver: (name: Name, stateDirectory: string) => Driver,
  isIt: (name: Name, version: string) => boolean = () => true,
): Promise<ReadonlyMap<Name, string>> {
  const reasons = new Map<Name, string>();
  for (const name of names) {
    const folder = await mkdtemp(path.join(tmpdir(), "whiskers-probe-"));
    try {
      const probe = await makeDriver(name, folder).probe();
      if (!probe.available) reasons.set(name, probe.reason);
      else if (!isIt(name, probe.version)) reasons.set(name, `the driver uses ${probe.version} instead`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return reasons;
}
