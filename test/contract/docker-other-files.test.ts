/** The driver contract with an engine that sees none of our files, as one of another machine: all that guests see is sent to it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";

import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { baseRoot, ROOTS_HOME } from "../fixtures/base-root.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { driverContract } from "./driver.ts";

const checkout = path.resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(path.join(tmpdir(), "whiskers-other-files-"));
// Where the contract keeps its packages.
process.env["TMPDIR"] = folder;
await baseRoot("python:3.11");
const unavailable = whyNoDockerEngine();
const engine =
  unavailable === undefined ? await startDockerEngine({ hides: [folder, checkout, ROOTS_HOME] }) : null;
after(async () => {
  await engine?.close();
  rmSync(folder, { recursive: true, force: true });
});

driverContract(
  "docker, runc, an engine that has other files",
  (folders) => createDockerDriver({ ...folders, host: `unix://${engine?.socket ?? "/nonexistent"}` }),
  { root: () => baseRoot("python:3.11") },
);
