import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import type { Package } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Prepared } from "../../driver.ts";
import { findAll, findPython } from "../../interpreters.ts";
import type { SubprocessOptions } from "./create-subprocess-driver.ts";
import type { Host } from "./host.ts";
import { INSIDE, privateView, readOnly, systemView } from "./view.ts";
import type { Entry, ViewParts } from "./view.ts";

export interface PreparedPackage extends Prepared {
  /** The view; the sizes in it are not those of a run yet. */
  readonly entries: readonly Entry[];
  /** As the guest sees it; null: looked up on its PATH. */
  readonly interpreter: string | null;
}

/** @throws WhiskersError `environment-missing`, `sandbox-failed` */
export async function preparePackage(
  pkg: Package,
  host: Host,
  options: SubprocessOptions,
): Promise<PreparedPackage> {
  const { parts, interpreter, environment } = await findEnvironment(pkg, host, options);
  const entries = [
    // First: an interpreter may lie in /tmp.
    ...privateView(DEFAULT_LIMITS),
    ...systemView({ ...parts, extra: [...(parts.extra ?? []), ...host.variant.entries] }),
  ];
  const needed = await host.variant.prepare(entries);
  await host.stage.add([
    ...entries.flatMap((entry) => (entry.kind === "read-only" ? [entry.source] : [])),
    ...needed,
  ]);
  return { pkg, environment, entries, interpreter };
}

type Found = Pick<PreparedPackage, "interpreter" | "environment"> & { readonly parts: ViewParts };

async function findEnvironment(pkg: Package, host: Host, options: SubprocessOptions): Promise<Found> {
  const { guest } = pkg.manifest;
  const common = { etc: host.etcFolder, packageFolder: pkg.folder, sdkFolder: host.sdkFolder };
  switch (guest.kind) {
    case "python": {
      const python = await findPython(guest.version, {
        python: guest.version === null ? options.python : undefined,
        searchPath: host.searchPath,
      });
      return {
        parts: { ...common, needs: [python.executable, ...python.needs], programs: false },
        interpreter: python.executable,
        environment: { name: "python", version: python.version, digest: null },
      };
    }
    case "javascript": {
      const interpreter = `${INSIDE.bin}/node`;
      return {
        parts: { ...common, needs: [], programs: false, extra: [readOnly(process.execPath, interpreter)] },
        interpreter,
        environment: { name: "node", version: process.versions.node, digest: null },
      };
    }
    case "command": {
      const [program = ""] = guest.argv;
      if (!program.includes("/") && findAll(program, INSIDE_PATH).length === 0) {
        throw new WhiskersError(
          "environment-missing",
          `no program ${program}: looked for it in ${INSIDE_PATH}`,
        );
      }
      return {
        parts: { ...common, needs: [], programs: true },
        interpreter: null,
        environment: { name: "command", version: "", digest: null },
      };
    }
  }
}

/** The PATH of guests, see guest-command.ts. */
const INSIDE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
