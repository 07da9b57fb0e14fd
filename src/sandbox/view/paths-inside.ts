import type { GuestPaths } from "../guest-command.ts";
import type { PreparedView } from "./view-host.ts";
import { INSIDE } from "./view.ts";

/** Where a guest finds what belongs to it, in every sandbox that is made of a view. */
export function pathsInside({
  interpreter,
  compileCacheFolder,
}: Pick<PreparedView, "interpreter" | "compileCacheFolder">): GuestPaths {
  return {
    packageFolder: INSIDE.package,
    sdkFolder: INSIDE.sdk,
    dependenciesFolder: INSIDE.dependencies,
    interpreter,
    metaFile: `${INSIDE.files}/meta.json`,
    privateTmp: true,
    compileCacheFolder,
  };
}
