import path from "node:path/posix";

import { USUAL_PATH } from "../../domain/usual-path.ts";
import type { Guest, Package, Root } from "../../domain/package.ts";
import { WhiskersError } from "../../errors.ts";
import { findPhp } from "../php.ts";
import { programDigest } from "../program-digest.ts";
import { compileJavaScriptSdk, compilePython } from "./compile-ahead.ts";
import { findInRoot } from "./find-in-root.ts";
import { describePythonInside } from "./python-inside.ts";
import { compileSdk } from "./sdk-copy.ts";
import { INSIDE, readOnly } from "./view.ts";
import type { Entry, ViewParts } from "./view.ts";
import type { PreparedView, ViewHost } from "./view-host.ts";

/**
 * What the guest of a package sees, on its root or on what this machine has, with its code compiled ahead.
 * @param python of the machine, for packages that want no certain version and have no root
 * @throws WhiskersError `environment-missing`, `sandbox-failed`
 */
export async function prepareView(
  pkg: Package,
  host: ViewHost,
  python: string | undefined,
): Promise<PreparedView> {
  switch (pkg.manifest.guest.kind) {
    case "python":
      return preparePython(pkg, host, pkg.manifest.guest.version, python);
    case "javascript":
      return prepareJavaScript(pkg, host);
    case "php":
      return preparePhp(pkg, host, pkg.manifest.guest.version);
    case "program":
    case "command":
      return prepareProgram(pkg, host, pkg.manifest.guest);
    case "wasm":
      throw new WhiskersError("runtime-unavailable", "WebAssembly runs in the runtime `wasm`");
  }
}

async function preparePython(
  pkg: Package,
  host: ViewHost,
  version: string | null,
  wanted: string | undefined,
): Promise<PreparedView> {
  const { root } = pkg;
  const python =
    root === null
      ? await host.findPython(version, version === null ? wanted : undefined)
      : await describePythonInside(root, version, host, partsOf(pkg, host));
  const parts: ViewParts = {
    ...partsOf(pkg, host),
    needs: root === null ? [python.executable, ...python.needs] : [],
  };
  if (root === null) await compileSdk(host.sdkFolder, python);
  const entries = await host.makeEntries(parts);
  const compile = { python, root, entries, host };
  const sdk = { folder: host.sdkFolder, digest: path.basename(host.sdkFolder) };
  const compiled: ViewParts = {
    ...parts,
    // What loads late is not there yet.
    packageFolder:
      pkg.loadsLate === true || host.compilesPackages === false
        ? pkg.folder
        : await compilePython(pkg, INSIDE.package, compile),
    sdkFolder: root === null ? host.sdkFolder : await compilePython(sdk, INSIDE.sdk, compile),
    dependenciesFolder:
      pkg.dependencies === null ? null : await compilePython(pkg.dependencies, INSIDE.dependencies, compile),
  };
  const isChanged = JSON.stringify(compiled) !== JSON.stringify(parts);
  return {
    pkg,
    environment:
      root === null
        ? { name: "python", version: python.version, digest: python.digest }
        : { name: root.name, version: python.version, digest: root.digest },
    entries: isChanged ? await host.makeEntries(compiled) : entries,
    interpreter: python.executable,
    compileCacheFolder: null,
  };
}

async function prepareJavaScript(pkg: Package, host: ViewHost): Promise<PreparedView> {
  const { root } = pkg;
  const interpreter = root === null ? `${INSIDE.bin}/node` : findProgram(root, "node");
  const node: readonly Entry[] = root === null ? [readOnly(process.execPath, interpreter)] : [];
  const parts: ViewParts = { ...partsOf(pkg, host), extra: node };
  const compiled = await compileJavaScriptSdk(
    (packageFolder) => host.makeEntries({ ...parts, packageFolder, dependenciesFolder: null }),
    interpreter,
    root === null ? process.versions.node : root.digest.replace("sha256:", ""),
    host,
  );
  const extra = compiled === null ? node : [...node, readOnly(compiled, INSIDE.compileCache)];
  return {
    pkg,
    environment:
      root === null
        ? { name: "node", version: process.versions.node, digest: null }
        : { name: root.name, version: "", digest: root.digest },
    entries: await host.makeEntries({ ...parts, extra }),
    interpreter,
    compileCacheFolder: compiled === null ? null : INSIDE.compileCache,
  };
}

async function preparePhp(pkg: Package, host: ViewHost, version: string | null): Promise<PreparedView> {
  const { root } = pkg;
  const entries = await host.makeEntries({ ...partsOf(pkg, host), programs: true });
  const common = { pkg, entries, compileCacheFolder: null };
  if (root !== null) {
    const environment = { name: root.name, version: version ?? "", digest: root.digest };
    return {
      ...common,
      environment,
      interpreter: findProgram(root, version === null ? "php" : `php${version}`),
    };
  }
  const php = await findPhp(version, USUAL_PATH);
  const environment = { name: "php", version: php.version, digest: null };
  return { ...common, environment, interpreter: php.executable, phpExtensions: php.extensions };
}

async function prepareProgram(
  pkg: Package,
  host: ViewHost,
  { kind, argv: [program = ""] }: Guest & { readonly kind: "program" | "command" },
): Promise<PreparedView> {
  const { root } = pkg;
  if (root !== null && !program.includes("/")) findProgram(root, program);
  return {
    pkg,
    environment:
      root === null
        ? { name: kind, version: "", digest: await programDigest(program, USUAL_PATH) }
        : { name: root.name, version: "", digest: root.digest },
    entries: await host.makeEntries({ ...partsOf(pkg, host), programs: true }),
    interpreter: null,
    compileCacheFolder: null,
  };
}

function partsOf(pkg: Package, host: ViewHost): ViewParts {
  return {
    etc: host.etcFolder,
    rootFolder: pkg.root?.folder ?? null,
    packageFolder: pkg.folder,
    sdkFolder: host.sdkFolder,
    dependenciesFolder: pkg.dependencies?.folder ?? null,
    needs: [],
    programs: false,
  };
}

/** @throws WhiskersError `environment-missing` */
function findProgram(root: Root, name: string): string {
  const [found] = findInRoot(root.folder, name, USUAL_PATH);
  if (found !== undefined) return found;
  const message = `the root ${root.name} has no program ${name}: looked for it in ${USUAL_PATH}`;
  throw new WhiskersError("environment-missing", message);
}
