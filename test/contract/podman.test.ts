import { after } from "node:test";

import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { startPodman, whyNoPodman } from "../fixtures/podman-service.ts";
import { driverContract } from "./driver.ts";

const podman = whyNoPodman() === undefined ? await startPodman() : null;
after(() => podman?.close());

driverContract("docker, Podman's service with runc", (folders) =>
  createDockerDriver({ ...folders, host: `unix://${podman?.socket ?? "/nonexistent"}` }),
);
