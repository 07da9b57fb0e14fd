import { execFile } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import path from "node:path/posix";
import { promisify } from "node:util";

import { isObject, messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";

/** A Python of this machine, and where it keeps what it needs. All paths absolute. */
export interface Python {
  /** The program itself, not a shim; in a virtual environment the one in its `bin`. */
  readonly executable: string;
  /** `3.11.7` */
  readonly version: string;
  /** `cpython-311`: part of the names of its compiled files. */
  readonly cacheTag: string;
  /**
   * `sha256:<hex>` over its full version, the names of all that is installed beside its standard library,
   * and pip's lists of file hashes of it. Not over the files themselves: one changed by hand is not noticed.
   */
  readonly digest: string;
  /** Folders and files that must be visible for it to work, besides the system's libraries. */
  readonly needs: readonly string[];
}

/** Longest that an interpreter may take to describe itself, milliseconds: shims can be slow. */
const DESCRIBE_TIMEOUT_MS = 10_000;

/** A Python program that prints a description of the Python that runs it: `readDescription`. */
export const DESCRIBE = `
import hashlib, json, os, site, sys, sysconfig
paths = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
paths += site.getsitepackages() if hasattr(site, "getsitepackages") else []
for prefix in (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix):
    if prefix not in ("/", "/usr"):
        paths += [os.path.join(prefix, name) for name in ("lib", "lib64", "pyvenv.cfg")]
    else:
        paths += [os.path.join(prefix, "local/lib")]
executable = sys.executable
if sys.prefix == sys.base_prefix:
    executable = os.path.realpath(executable)
else:
    paths.append(os.path.realpath(executable))

# What is installed beside the standard library, by the lists that pip and others leave of every file's hash.
installed = hashlib.sha256((sys.version + "\\n").encode())
folders = site.getsitepackages() if hasattr(site, "getsitepackages") else []
for folder in sorted(set(folders + [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])):
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name == "__pycache__":
            continue
        record = os.path.join(folder, name, "RECORD")
        installed.update(("%s\\n" % os.path.join(folder, name)).encode())
        if name.endswith(".dist-info") and os.path.isfile(record):
            with open(record, "rb") as file:
                installed.update(hashlib.sha256(file.read()).digest())
print(json.dumps({
    "digest": "sha256:" + installed.hexdigest(),
    "executable": executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "cacheTag": sys.implementation.cache_tag,
    "needs": sorted({path for path in paths if path and os.path.exists(path)}),
}))
`;

/**
 * Finds a Python: the one that is asked for by path, else the first on the PATH, or in the usual folders,
 * with the wanted version (`3.11`; null: any from 3.8 on).
 * @throws WhiskersError `environment-missing`, saying what was looked for and where
 */
export async function findPython(
  version: string | null,
  options: { readonly python?: string | undefined; readonly searchPath: string },
): Promise<Python> {
  const names = version === null ? ["python3", "python"] : [`python${version}`, "python3", "python"];
  const candidates =
    options.python === undefined
      ? names.flatMap((name) => findAll(name, options.searchPath))
      : [options.python];
  const seen: string[] = [];
  for (const candidate of new Set(candidates)) {
    try {
      const python = await describePython(candidate);
      if (isWanted(python.version, version)) return python;
      seen.push(`${candidate} is ${python.version}`);
    } catch (error) {
      seen.push(`${candidate} does not work: ${complaintOf(error)}`);
    }
  }
  const wanted = version === null ? "Python 3.8 or later" : `Python ${version}`;
  const found = seen.length === 0 ? "nothing was found" : seen.join("; ");
  throw new WhiskersError(
    "environment-missing",
    `no ${wanted}: looked for ${options.python ?? `${names.join(", ")} in ${foldersOf(options.searchPath)}`}; ${found}`,
  );
}

/** What the program said. An error of execFile has its whole command line, which ends with ours, before that. */
function complaintOf(error: unknown): string {
  const message = messageOf(error);
  const at = message.lastIndexOf(DESCRIBE);
  const said = at === -1 ? message : message.slice(at + DESCRIBE.length);
  return said.trim().split("\n", 1)[0] || "it said nothing";
}

function foldersOf(searchPath: string): string {
  return [...new Set(searchPath.split(":"))].filter((folder) => path.isAbsolute(folder)).join(":");
}

/** Asks an interpreter, or a shim of one, what it is. @throws Error it cannot be run or gives no answer */
export async function describePython(program: string): Promise<Python> {
  const { stdout } = await promisify(execFile)(program, ["-I", "-c", DESCRIBE], {
    timeout: DESCRIBE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  return readDescription(stdout);
}

/** @throws Error it is none */
export function readDescription(text: string): Python {
  const answer: unknown = JSON.parse(text);
  if (!isPython(answer)) throw new Error("it gave no description of itself");
  return answer;
}

/** Programs called `name` in the folders of `searchPath`, in their order. */
export function findAll(name: string, searchPath: string): readonly string[] {
  return searchPath
    .split(":")
    .filter((folder) => path.isAbsolute(folder))
    .map((folder) => path.join(folder, name))
    .filter(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

function isWanted(found: string, wanted: string | null): boolean {
  const [major = 0, minor = 0] = found.split(".").map(Number);
  return wanted === null ? major === 3 && minor >= 8 : wanted === `${major}.${minor}`;
}

function isPython(value: unknown): value is Python {
  return (
    isObject(value) &&
    matches(value["executable"], /^\/[^\0]{1,4000}$/u) &&
    matches(value["version"], /^3\.\d{1,3}\.\d{1,3}$/u) &&
    // Part of names of files.
    matches(value["cacheTag"], /^[a-z0-9-]{1,64}$/iu) &&
    matches(value["digest"], /^sha256:[0-9a-f]{64}$/u) &&
    Array.isArray(value["needs"]) &&
    value["needs"].every((one) => typeof one === "string")
  );
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === "string" && pattern.test(value);
}
