import type { Package } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Prepared } from "../../driver.ts";
import { findAll } from "../../interpreters.ts";
import { compileJavaScriptSdk, compilePython } from "./compile-ahead.ts";
import type { SubprocessOptions } from "./create-subprocess-driver.ts";
import type { Host } from "./host.ts";
import { makeEntries } from "./make-entries.ts";
import { compileSdk } from "./sdk-copy.ts";
import { INSIDE, readOnly } from "./view.ts";
import type { Entry } from "./view.ts";

export interface PreparedPackage extends Prepared {
  /** The view; the sizes in it are not those of a run yet. */
  readonly entries: readonly Entry[];
  /** As the guest sees it; null: looked up on its PATH. */
  readonly interpreter: string | null;
  /** Where Node.js finds what was compiled ahead, as the guest sees it. */
  readonly compileCacheFolder: string | null;
}

/** @throws WhiskersError `environment-missing`, `sandbox-failed` */
export async function preparePackage(
  pkg: Package,
  host: Host,
  options: SubprocessOptions,
): Promise<PreparedPackage> {
  const { guest } = pkg.manifest;
  const common = {
    etc: host.etcFolder,
    packageFolder: pkg.folder,
    sdkFolder: host.sdkFolder,
    dependenciesFolder: pkg.dependencies?.folder ?? null,
  };
  switch (guest.kind) {
    case "python": {
      const python = await host.findPython(
        guest.version,
        guest.version === null ? options.python : undefined,
      );
      await compileSdk(host.sdkFolder, python);
      const parts = { ...common, needs: [python.executable, ...python.needs], programs: false };
      const entries = await makeEntries(parts, host);
      const compile = { python, stateDirectory: options.stateDirectory, entries, host };
      const packageFolder = await compilePython(pkg, INSIDE.package, compile);
      const dependenciesFolder =
        pkg.dependencies === null
          ? null
          : await compilePython(pkg.dependencies, INSIDE.dependencies, compile);
      const isChanged = packageFolder !== pkg.folder || dependenciesFolder !== common.dependenciesFolder;
      return {
        pkg,
        environment: { name: "python", version: python.version, digest: python.digest },
        entries: isChanged
          ? await makeEntries({ ...parts, packageFolder, dependenciesFolder }, host)
          : entries,
        interpreter: python.executable,
        compileCacheFolder: null,
      };
    }
    case "javascript": {
      const interpreter = `${INSIDE.bin}/node`;
      const node = readOnly(process.execPath, interpreter);
      const parts = { ...common, needs: [], programs: false, extra: [node] };
      const compiled = await compileJavaScriptSdk(
        options.stateDirectory,
        (packageFolder) => makeEntries({ ...parts, packageFolder, dependenciesFolder: null }, host),
        interpreter,
        host,
      );
      const extra = compiled === null ? [node] : [node, readOnly(compiled, INSIDE.compileCache)];
      return {
        pkg,
        environment: { name: "node", version: process.versions.node, digest: null },
        entries: await makeEntries({ ...parts, extra }, host),
        interpreter,
        compileCacheFolder: compiled === null ? null : INSIDE.compileCache,
      };
    }
    case "command": {
      const [program = ""] = guest.argv;
      if (!program.includes("/") && findAll(program, INSIDE_PATH).length === 0) {
        const message = `no program ${program}: looked for it in ${INSIDE_PATH}`;
        throw new WhiskersError("environment-missing", message);
      }
      return {
        pkg,
        environment: { name: "command", version: "", digest: null },
        entries: await makeEntries({ ...common, needs: [], programs: true }, host),
        interpreter: null,
        compileCacheFolder: null,
      };
    }
  }
}

/** The PATH of guests, see guest-command.ts. */
const INSIDE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
