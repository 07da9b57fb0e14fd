/** The hostile suite against the `docker` driver, in an engine of its own, with each runtime that the engine has. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { hostileSuite } from "./hostile-suite.ts";

const RUNTIMES = [
  { runtime: "runc", sharesKernel: true },
  { runtime: "runsc", sharesKernel: false },
] as const;

const noEngine = whyNoDockerEngine();
const engine = noEngine === undefined ? await startDockerEngine() : null;
after(() => engine?.close());

// All is known before the first suite is registered: what has only finished suites is over.
const suites = await Promise.all(
  RUNTIMES.map(async (one) => ({ ...one, skip: noEngine ?? (await whyUnavailable(one.runtime)) })),
);
for (const { runtime, sharesKernel, skip } of suites) {
  hostileSuite(`docker (${runtime})`, (stateDirectory) => makeDriver(runtime, stateDirectory), {
    sharesKernel,
    skip,
    // Names of attacks, by commas: for work on one of them.
    only: process.env["WHISKERS_ATTACKS"]?.split(","),
  });
}

function makeDriver(runtime: string, stateDirectory: string): Driver {
  const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
  return createDockerDriver({ stateDirectory, sdkFolder, runtime, host: `unix://${engine?.socket}` });
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
