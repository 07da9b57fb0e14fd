/** The hostile suite against the `docker` driver, in an engine of its own, with the engine's default runtime, runc. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";

import type { Driver } from "../../src/sandbox/driver.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { hostileSuite } from "./hostile-suite.ts";

/** WHISKERS_TEST_RUNTIME, for work on another one: `runsc` does not hold all of the suite, see docs/runtimes/docker.md. */
const runtime = process.env["WHISKERS_TEST_RUNTIME"] ?? "runc";

const noEngine = whyNoDockerEngine();
const engine = noEngine === undefined ? await startDockerEngine() : null;
after(() => engine?.close());

hostileSuite(`docker (${runtime})`, (stateDirectory) => makeDriver(stateDirectory), {
  sharesKernel: runtime !== "runsc",
  // A container costs half a second of processor time, and an attack's time is limited.
  concurrency: 2,
  skip: noEngine ?? (await whyUnavailable()),
  // Names of attacks, by commas: for work on one of them.
  only: process.env["WHISKERS_ATTACKS"]?.split(","),
});

function makeDriver(stateDirectory: string): Driver {
  const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
  return createDockerDriver({ stateDirectory, sdkFolder, runtime, host: `unix://${engine?.socket}` });
}

async function whyUnavailable(): Promise<string | undefined> {
  const folder = await mkdtemp(path.join(tmpdir(), "whiskers-probe-"));
  try {
    const probe = await makeDriver(folder).probe();
    return probe.available ? undefined : probe.reason;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
