import { after } from "node:test";

import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { driverContract } from "./driver.ts";

const unavailable = whyNoDockerEngine();
const engine = unavailable === undefined ? await startDockerEngine() : null;
after(() => engine?.close());

for (const runtime of ["runc", "runsc"]) {
  const host = `unix://${engine?.socket ?? "/nonexistent"}`;
  driverContract(
    `docker, ${runtime}`,
    (folders) => createDockerDriver({ ...folders, runtime, host }),
    // gVisor.
    { ownKernel: runtime === "runsc" },
  );
}
