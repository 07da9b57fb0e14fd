/** The hostile suite against the `docker` driver, in an engine of its own, with runc and with gVisor. */
import path from "node:path";
import { after } from "node:test";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";
import { GVISOR, WEAKNESSES_OF_GVISOR_BY_AN_ENGINE } from "./weaknesses.ts";
import { whyUnavailable } from "./why-unavailable.ts";

const noEngine = whyNoDockerEngine();
const engine = noEngine === undefined ? await startDockerEngine() : null;
after(() => engine?.close());

const RUNTIMES = ["runc", "runsc"] as const;
const reasons = await whyUnavailable(noEngine === undefined ? RUNTIMES : [], makeDriver);
for (const runtime of RUNTIMES) {
  const isSlow = runtime === "runsc";
  hostileSuite(`docker (${runtime})`, (stateDirectory) => makeDriver(runtime, stateDirectory), {
    sharesKernel: !isSlow,
    // A container costs half a second of processor time, and an attack's time is limited.
    concurrency: 2,
    skip: noEngine ?? reasons.get(runtime),
    only: triedByDefault(isSlow ? "quick" : "settings"),
    ...(isSlow ? { ...GVISOR, weaknesses: WEAKNESSES_OF_GVISOR_BY_AN_ENGINE } : {}),
  });
}

function makeDriver(runtime: string, stateDirectory: string): Driver {
  const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
  return createDockerDriver({ stateDirectory, sdkFolder, runtime, host: `unix://${engine?.socket}` });
}
