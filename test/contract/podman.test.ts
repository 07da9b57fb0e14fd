import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, it } from "node:test";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { commandPackage } from "../fixtures/command-package.ts";
import { startPodman, whyNoPodman } from "../fixtures/podman-service.ts";
import { driverContract } from "./driver.ts";

const unavailable =
  process.env["WHISKERS_TEST_PODMAN"] === undefined
    ? "Podman is refused, because it loses output now and then: WHISKERS_TEST_PODMAN=1 tries it"
    : whyNoPodman();
const podman = unavailable === undefined ? await startPodman() : null;
const host = `unix://${podman?.socket ?? "/nonexistent"}`;
after(() => podman?.close());

driverContract("docker, Podman's service with runc", (folders) =>
  createDockerDriver({ ...folders, host, podman: true }),
);

/** Podman would make more of it writable, and hides nothing of /sys by the setting that Docker has for it. */
const LOOK = `
for folder in / /run /var /var/tmp /tmp /dev /dev/shm /proc /sys /whiskers; do
  (: >"$folder/probe") 2>/dev/null && echo "$folder"
done
ls /sys`;

it(
  "a guest in Podman can write to /tmp and /dev/shm alone, and sees nothing of /sys",
  { skip: unavailable },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-podman-look-"));
    try {
      mkdirSync(path.join(folder, "package"));
      const sdkFolder = path.resolve(import.meta.dirname, "../../sdk");
      const driver = createDockerDriver({
        stateDirectory: path.join(folder, "state"),
        sdkFolder,
        host,
        podman: true,
      });
      const prepared = await driver.prepare(commandPackage(path.join(folder, "package"), ["sh", "-c", LOOK]));
      const sandbox = await driver.open(prepared, { limits: DEFAULT_LIMITS, state: "fresh", files: [] });
      sandbox.errors.resume();
      let said = "";
      for await (const chunk of sandbox.output) said += String(chunk);
      await sandbox.close();
      assert.equal(said, "/tmp\n/dev/shm\n");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
