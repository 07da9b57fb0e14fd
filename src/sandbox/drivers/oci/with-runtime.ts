import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { makeSkeleton } from "../../view/skeleton.ts";
import { INSIDE, privateView, systemView } from "../../view/view.ts";
import type { OciBase, OciHost } from "./host.ts";
import { initEntries } from "./init.ts";
import { openContainer } from "./open.ts";
import type { Runtime } from "./runtimes.ts";
import { sourcesOf } from "./sources-of.ts";

/** The same machine, with a runtime. */
export function withRuntime(
  base: OciBase,
  runtime: Runtime,
  found: Pick<OciHost, "userNamespace" | "protections" | "advice">,
): OciHost {
  const host: OciHost = {
    ...base,
    ...found,
    runtime,
    makeEntries: async (parts) => {
      const init = await initEntries(parts.rootFolder, base.inits, base.nextName(), runtime);
      const entries = [
        ...privateView(DEFAULT_LIMITS),
        ...systemView({ ...parts, extra: [...(parts.extra ?? []), ...init] }),
      ];
      const skeleton = await makeSkeleton(base.roots, entries, [INSIDE.files]);
      if (found.userNamespace) await base.stage.add([skeleton, ...sourcesOf(entries)]);
      return entries;
    },
    launch: (entries, command) =>
      openContainer(entries, command, { limits: DEFAULT_LIMITS, files: [] }, host),
  };
  return host;
}
