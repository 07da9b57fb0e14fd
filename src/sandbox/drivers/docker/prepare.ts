import type { Package, Root } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Prepared } from "../../driver.ts";
import { findAll } from "../../interpreters.ts";
import { INSIDE, readOnly } from "../subprocess/view.ts";
import { compileSdk } from "../subprocess/sdk-copy.ts";
import type { DockerOptions } from "./create-docker-driver.ts";
import type { Host } from "./host.ts";
import { machineFilesystem } from "./machine-filesystem.ts";
import type { Filesystem } from "./open.ts";
import { rootFilesystem } from "./root-filesystem.ts";

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
  const { guest } = pkg.manifest;
  if (pkg.root !== null) return prepareOnRoot(pkg, pkg.root, host);
  const common = {
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
      return {
        pkg,
        environment: { name: "python", version: python.version, digest: python.digest },
        ...machineFilesystem(parts, host),
        interpreter: python.executable,
        compileCacheFolder: null,
      };
    }
    case "javascript": {
      const interpreter = `${INSIDE.bin}/node`;
      const node = readOnly(process.execPath, interpreter);
      const parts = { ...common, needs: [], programs: false, extra: [node] };
      return {
        pkg,
        environment: { name: "node", version: process.versions.node, digest: null },
        ...machineFilesystem(parts, host),
        interpreter,
        compileCacheFolder: null,
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
        ...machineFilesystem({ ...common, needs: [], programs: true }, host),
        interpreter: null,
        compileCacheFolder: null,
      };
    }
  }
}

async function prepareOnRoot(pkg: Package, root: Root, host: Host): Promise<PreparedPackage> {
  const filesystem = await rootFilesystem(pkg, root, host);
  await filesystem.provideImage(false);
  return {
    pkg,
    environment: { name: root.name, version: "", digest: root.digest },
    ...filesystem,
    interpreter: null,
    compileCacheFolder: null,
  };
}

/** The PATH of guests, see guest-command.ts. */
const INSIDE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
