import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import type { ViewHost } from "../../view/view-host.ts";
import type { Host } from "./host.ts";
import { makeEntries } from "./make-entries.ts";
import { launchSandbox } from "./open.ts";

/** Makes views for this driver's sandboxes, and in them. */
export function viewHost(host: Host, stateDirectory: string): ViewHost {
  return {
    stateDirectory,
    etcFolder: host.etcFolder,
    sdkFolder: host.sdkFolder,
    findPython: (version, python) => host.findPython(version, python),
    makeEntries: (parts) => makeEntries(parts, host),
    launch: (entries, command) =>
      launchSandbox(entries, command, { limits: DEFAULT_LIMITS, files: [] }, host),
  };
}
