import type { Package } from "../../../domain/package.ts";
import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import type { Prepared } from "../../driver.ts";
import { prepareView } from "../../view/prepare-view.ts";
import type { ViewHost } from "../../view/view-host.ts";
import type { DockerOptions } from "./create-docker-driver.ts";
import type { Host } from "./host.ts";
import { launchSandbox } from "./open.ts";
import type { Filesystem } from "./open.ts";
import { makeEntries, viewFilesystem } from "./view-filesystem.ts";

export interface PreparedPackage extends Prepared, Filesystem {
  /** As the guest sees it; null: looked up on its PATH. */
  readonly interpreter: string | null;
  /** Where Node.js finds what was compiled ahead, as the guest sees it. */
  readonly compileCacheFolder: string | null;
}

/** @throws WhiskersError `environment-missing`, `sandbox-failed` */
export async function preparePackage(
  pkg: Package,
  host: Host,
  options: DockerOptions,
): Promise<PreparedPackage> {
  const view = await prepareView(pkg, viewHost(host), options.python);
  return { ...view, ...viewFilesystem(view.entries, host) };
}

/** Makes views for this driver's containers, and in them. */
function viewHost(host: Host): ViewHost {
  return {
    stateDirectory: host.stateDirectory,
    etcFolder: host.etcFolder,
    sdkFolder: host.sdkFolder,
    findPython: (version, python) => host.findPython(version, python),
    makeEntries: (parts) => makeEntries(parts, host),
    launch: (entries, command) =>
      launchSandbox(
        viewFilesystem(entries, host, { passing: true }),
        command,
        { limits: DEFAULT_LIMITS, files: [] },
        host,
      ),
  };
}
