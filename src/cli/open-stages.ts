import path from "node:path";

import type { Settings } from "../config/settings.ts";
import { collected } from "../delivery/collected.ts";
import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { openCollector } from "../records/collector.ts";
import { diskImage } from "../packages/disk-image.ts";
import type { Stages } from "../run-task.ts";
import { createDockerDriver } from "../sandbox/drivers/docker/create-docker-driver.ts";
import { createInlineDriver } from "../sandbox/drivers/inline/create-inline-driver.ts";
import { createMicrovmDriver } from "../sandbox/drivers/microvm/create-microvm-driver.ts";
import { createOciDriver } from "../sandbox/drivers/oci/create-oci-driver.ts";
import { createSubprocessDriver } from "../sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { createWasmDriver } from "../sandbox/drivers/wasm/create-wasm-driver.ts";
import { SDK_FOLDER } from "./sdk-folder.ts";
import { openPackages } from "./open-packages.ts";
import type { PoolOptions } from "../sandbox/pool.ts";
import { openSandboxes, type SandboxesOptions } from "../sandbox/sandboxes.ts";
import { isOciRuntime } from "../sandbox/drivers/oci/runtimes.ts";

export interface OpenStages extends Stages, AsyncDisposable {
  /** What the sandboxes are made of. */
  readonly runtimes: Pick<SandboxesOptions, "drivers" | "openVariant">;
}

export interface Telling {
  /** As of `openPackages`. */
  readonly show?: ((what: string) => void) | undefined;
  /** Is told what people should know that is no reason to fail: a sentence. */
  readonly warn?: ((what: string) => void) | undefined;
}

/**
 * The stages of this machine: every runtime, packages under `WHISKERS_HOME`, and records that stay here.
 * @param compile as of `openPackages`
 */
export function openStages(
  settings: Settings,
  fetch: Stages["fetch"],
  pool: Partial<PoolOptions> = {},
  { show, warn }: Telling = {},
  compile?: Parameters<typeof openPackages>[3],
): OpenStages {
  const { home, subprocess, ociRuntime, python, dockerHost, dockerRuntime } = settings;
  const { microvmKernel, microvmMonitor, firecracker } = settings;
  const packages = openPackages(settings, "run", show, compile);
  const common = {
    sdkFolder: SDK_FOLDER,
    stateDirectory: path.join(home, "runtimes"),
    ...(python === null ? {} : { python }),
  };
  // In the order in which `auto` tries them; it never takes one that does not isolate.
  const docker = { ...common, stateDirectory: path.join(home, "runtimes", "docker"), host: dockerHost };
  const runtimes: SandboxesOptions = {
    ...pool,
    drivers: [
      createSubprocessDriver({ ...common, variant: subprocess }),
      createOciDriver({ ...common, runtime: ociRuntime }),
      createDockerDriver({ ...docker, runtime: dockerRuntime }),
      createMicrovmDriver({
        ...common,
        diskImage,
        kernel: microvmKernel,
        monitor: microvmMonitor,
        firecracker,
        warn,
      }),
      createWasmDriver({ ...common, around: subprocess }),
      createInlineDriver(common),
    ],
    openVariant: (driver, variant) => {
      const name = `${driver}:${variant}`;
      switch (driver) {
        case "subprocess":
          return variant === "bubblewrap" || variant === "util-linux"
            ? createSubprocessDriver({ ...common, variant, name })
            : null;
        case "oci":
          // A manifest may say this: no program but a runtime is ever started for it.
          return isOciRuntime(variant) ? createOciDriver({ ...common, runtime: variant, name }) : null;
        case "docker":
          // The engine knows its own.
          return createDockerDriver({ ...docker, runtime: variant, name });
        default:
          return null;
      }
    },
  };
  const sandboxes = openSandboxes(runtimes);
  return {
    catalogue: packages.catalogue,
    fetch,
    runtimes,
    sandboxes,
    collect: (_manifest, limits) => openCollector({ limits: { ...DEFAULT_LIMITS, ...limits } }),
    sink: collected,
    async [Symbol.asyncDispose]() {
      await sandboxes.close();
      await packages[Symbol.asyncDispose]();
    },
  };
}
