/** The hostile suite against the `docker` driver with Podman's service. */
import path from "node:path";
import { after } from "node:test";

import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { startPodman, whyNoPodman } from "../fixtures/podman-service.ts";
import { hostileSuite } from "./hostile-suite.ts";
import { triedByDefault } from "./tried-by-default.ts";

const unavailable = whyNoPodman();
const podman = unavailable === undefined ? await startPodman() : null;
after(() => podman?.close());

hostileSuite(
  "podman (runc)",
  (stateDirectory) => {
    const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
    return createDockerDriver({ stateDirectory, sdkFolder, host: `unix://${podman?.socket}` });
  },
  {
    sharesKernel: true,
    // As with Docker's engine.
    concurrency: 2,
    skip: unavailable,
    only: triedByDefault("podman"),
  },
);
