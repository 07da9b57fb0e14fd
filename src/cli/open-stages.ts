import path from "node:path";

import type { Settings } from "../config/settings.ts";
import { collected } from "../delivery/collected.ts";
import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { openCatalogue } from "../packages/catalogue.ts";
import { clientConfiguration } from "../packages/dependencies/client-configuration.ts";
import { installDependencies } from "../packages/dependencies/install-dependencies.ts";
import { openCollector } from "../records/collector.ts";
import type { Stages } from "../run-task.ts";
import { createDockerDriver } from "../sandbox/drivers/docker/create-docker-driver.ts";
import { createInlineDriver } from "../sandbox/drivers/inline/create-inline-driver.ts";
import { createSubprocessDriver } from "../sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { openTools } from "./open-tools.ts";
import { openSandboxes } from "../sandbox/sandboxes.ts";

const SDK_FOLDER = path.resolve(import.meta.dirname, "../../sdk");

/** The stages of this machine: every runtime, packages under `WHISKERS_HOME`, and records that stay here. */
export function openStages(settings: Settings, fetch: Stages["fetch"]): Stages & AsyncDisposable {
  const { home, subprocess, python, roots, dockerHost, dockerRuntime } = settings;
  const tools = openTools(settings, SDK_FOLDER);
  const client = clientConfiguration(process.env);
  const never = new AbortController().signal;
  const common = {
    sdkFolder: SDK_FOLDER,
    stateDirectory: path.join(home, "runtimes"),
    ...(python === null ? {} : { python }),
  };
  // In the order in which `auto` tries them; it never takes one that does not isolate.
  const sandboxes = openSandboxes({
    drivers: [
      createSubprocessDriver({ ...common, variant: subprocess }),
      createDockerDriver({
        ...common,
        stateDirectory: path.join(home, "runtimes", "docker"),
        host: dockerHost,
        runtime: dockerRuntime,
      }),
      createInlineDriver(common),
    ],
  });
  return {
    catalogue: openCatalogue({
      home,
      roots,
      install: (pkg, requirements) =>
        installDependencies({ ...pkg, requirements }, { home, tools, client }, never),
    }),
    fetch,
    sandboxes,
    collect: (_manifest, limits) => openCollector({ limits: { ...DEFAULT_LIMITS, ...limits } }),
    sink: collected,
    [Symbol.asyncDispose]: () => sandboxes.close(),
  };
}
