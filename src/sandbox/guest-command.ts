import path from "node:path/posix";

import { USUAL_PATH } from "../domain/usual-path.ts";
import type { Limits } from "../domain/limits.ts";
import type { Package, StatePolicy } from "../domain/package.ts";

/** Where things lie as the guest sees them. All absolute. */
export interface GuestPaths {
  /** `/whiskers/package` in a sandbox. */
  readonly packageFolder: string;
  /** Holds `python/`, `typescript/` and `php/`; `/whiskers/sdk` in a sandbox. */
  readonly sdkFolder: string;
  /** Of a package that has them; `/whiskers/dependencies` in a sandbox. */
  readonly dependenciesFolder: string;
  /** Of Python, Node or PHP; null: `python3`, `node` or `php` of the PATH. Must be the program itself, not a shim. */
  readonly interpreter: string | null;
  /** The NormalizerMeta of the plain form; `/whiskers/meta.json` in a sandbox. */
  readonly metaFile: string;
  /** /tmp belongs to this sandbox alone, so a `fork` guest may, and must, empty it between runs. */
  readonly privateTmp: boolean;
  /**
   * Where Node finds what it has compiled and stripped of types before: saves about 30 ms of a cold
   * start. Read-only is enough. Filled by starting the same command once, same paths, same uid, with
   * the folder writable and the input closed.
   */
  readonly compileCacheFolder?: string | null;
  /** Extensions for PHP to load, where it cannot see its own .ini files; not given: what those say. */
  readonly phpExtensions?: readonly string[] | null;
}

export interface GuestCommand {
  readonly argv: readonly string[];
  /** The complete environment: nothing else may be in it. */
  readonly env: Readonly<Record<string, string>>;
}

/** How the guest of a package is started. The one place that knows it. */
export function guestCommand(
  pkg: Package,
  state: StatePolicy,
  paths: GuestPaths,
  limits: Limits,
): GuestCommand {
  const guest = pkg.manifest.guest;
  const compiled = paths.compileCacheFolder ?? null;
  const common = commonEnv(pkg, paths, state);
  switch (guest.kind) {
    case "python":
      return {
        // -S: the SDK finds site-packages by itself, without the cost of every *.pth file; -s: none from a home folder.
        argv: [paths.interpreter ?? "python3", "-S", "-s", path.join(paths.sdkFolder, "python/start.py")],
        env: {
          ...common,
          WHISKERS_ENTRYPOINT: `${guest.module}:${guest.callable}`,
          ...(guest.convention === undefined ? {} : { WHISKERS_CONVENTION: guest.convention }),
          PYTHONDONTWRITEBYTECODE: "1",
          // The same input must give the same output, also in the order of a set.
          PYTHONHASHSEED: "0",
          PYTHONUTF8: "1",
        },
      };
    case "javascript":
      return {
        argv: [
          paths.interpreter ?? "node",
          `--max-old-space-size=${heapMiB(limits)}`,
          "--no-warnings",
          path.join(paths.sdkFolder, "typescript/start.ts"),
        ],
        env: {
          ...common,
          WHISKERS_ENTRYPOINT: `${guest.file}:${guest.export}`,
          ...(compiled === null ? {} : { NODE_COMPILE_CACHE: compiled }),
        },
      };
    case "php":
      return {
        argv: [
          ...MOVED_STREAMS,
          paths.interpreter ?? "php",
          ...phpSettings(limits, paths.phpExtensions ?? null),
          path.join(paths.sdkFolder, "php/start.php"),
        ],
        env: { ...common, WHISKERS_ENTRYPOINT: `${guest.file}:${guest.callable}` },
      };
    case "program":
      return {
        argv: programArgv(guest.argv, paths),
        env: {
          ...common,
          // Go's runtime alone reads these: it would take the machine's memory and processors for its own.
          GOMEMLIMIT: `${heapMiB(limits)}MiB`,
          GOMAXPROCS: String(Math.max(1, Math.ceil(limits.cpus))),
        },
      };
    case "command":
      return {
        argv: programArgv(guest.argv, paths),
        env: { ...common, ...libraryEnv(pkg, paths), WHISKERS_META: paths.metaFile },
      };
    case "wasm":
      return {
        argv: [guest.file, ...guest.args],
        env: { ...common, ...(guest.plain ? { WHISKERS_META: paths.metaFile } : {}) },
      };
  }
}

function programArgv([program = "", ...args]: readonly string[], paths: GuestPaths): readonly string[] {
  return [program.includes("/") ? path.resolve(paths.packageFolder, program) : program, ...args];
}

/**
 * PHP cannot duplicate descriptors: a shell moves the protocol's stream to 3 and 4, so that what a normalizer and
 * its children print goes to standard error, whichever way they print it.
 */
const MOVED_STREAMS = ["/bin/sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >&2', "sh"];

/** Whatever a php.ini says: extensions alone are left to it. */
function phpSettings(limits: Limits, extensions: readonly string[] | null): readonly string[] {
  const settings: Readonly<Record<string, string>> = {
    memory_limit: `${heapMiB(limits)}M`,
    max_execution_time: "0",
    display_errors: "stderr",
    log_errors: "0",
    html_errors: "0",
    error_reporting: "-1",
    // Arguments in a stack would show what is in raw files.
    "zend.exception_ignore_args": "1",
    // Longer numbers than needed, or shorter, are other numbers.
    serialize_precision: "-1",
    precision: "17",
    "date.timezone": "UTC",
    default_charset: "UTF-8",
    auto_prepend_file: "",
    auto_append_file: "",
    "opcache.enable_cli": "0",
  };
  return [
    ...(extensions === null ? [] : ["-n", ...extensions.flatMap((name) => ["-d", `extension=${name}`])]),
    ...Object.entries(settings).flatMap(([name, value]) => ["-d", `${name}=${value}`]),
  ];
}

function commonEnv(pkg: Package, paths: GuestPaths, state: StatePolicy): Record<string, string> {
  return {
    PATH: USUAL_PATH,
    HOME: "/tmp",
    TMPDIR: "/tmp",
    LANG: "C.UTF-8",
    WHISKERS_STATE: state,
    WHISKERS_PACKAGE: paths.packageFolder,
    ...(pkg.dependencies === null ? {} : { WHISKERS_DEPENDENCIES: paths.dependenciesFolder }),
    ...(pkg.loadsLate === true ? { WHISKERS_LOADS: "late" } : {}),
    ...(paths.privateTmp ? { WHISKERS_SANDBOXED: "1" } : {}),
  };
}

/** Where interpreters that no SDK of ours starts look for libraries. */
function libraryEnv(pkg: Package, { dependenciesFolder: folder }: GuestPaths): Record<string, string> {
  if (pkg.dependencies === null) return {};
  return { PYTHONPATH: path.join(folder, "python"), NODE_PATH: path.join(folder, "node_modules") };
}

/**
 * A language's own limit, below the sandbox's, so that it says itself that memory is short: a quarter (at least
 * 64 MiB) is for the runtime itself and for what it does not count, such as V8's buffers.
 */
function heapMiB(limits: Limits): number {
  const memoryMiB = Math.floor(limits.memoryBytes / (1024 * 1024));
  return Math.max(32, memoryMiB - Math.max(64, Math.floor(memoryMiB / 4)));
}
