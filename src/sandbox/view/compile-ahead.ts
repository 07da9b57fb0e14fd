import { cp, lstat, readdir, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { DEFAULT_LIMITS } from "../../domain/limits.ts";
import type { Package, Root } from "../../domain/package.ts";
import { codeOf } from "../../domain/unknown.ts";
import { guestCommand } from "../guest-command.ts";
import type { Python } from "../interpreters.ts";
import { newDraftName } from "./drafts.ts";
import { readToEnd } from "./read-to-end.ts";
import { makeFolder } from "./make-folder.ts";
import { writeBundle } from "./sdk-bundle.ts";
import { pathsInside } from "./paths-inside.ts";
import { putInPlace } from "./sdk-copy.ts";
import { INSIDE } from "./view.ts";
import type { Entry } from "./view.ts";
import { RESERVED_BY_V8_BYTES } from "./view-host.ts";
import type { LaunchCommand, ViewHost } from "./view-host.ts";

/** What a compiling guest may print: more is not kept. */
const OUTPUT_MAX_BYTES = 64 * 1024 * 1024;
const DEADLINE_MS = 60_000;

/**
 * A copy of a Python package (or its dependencies) with its compiled code, made once per digest and version of
 * Python. A package's code is hostile input for the compiler too, so that runs in a sandbox, which can only print
 * what it made. Where it cannot be done the folder itself is returned: it works without, more slowly.
 * @param inside where `entries` show the folder
 */
export async function compilePython(
  { folder, digest }: Pick<Package, "folder" | "digest">,
  inside: string,
  { python, root, entries, host }: CompileOptions,
): Promise<string> {
  // A root's interpreter says of itself what version it is, and compiles as it likes: what it makes is for its root alone.
  const by = root === null ? "" : `-${root.digest.replace(/^sha256:/u, "")}`;
  const name = `${digest.replace(/^sha256:/u, "")}-${python.cacheTag}${by}`;
  const copy = path.join(host.stateDirectory, "compiled", name);
  if (await exists(copy)) return copy;
  const argv = [python.executable, "-I", "-S", "-c", COMPILE, inside];
  const printed = await runToEnd({ argv, env: { PYTHONHASHSEED: "0" } }, entries, host);
  if (printed === null) return folder;
  const made = await makeWhole(copy, async (draft) => {
    await cp(folder, draft, { recursive: true, verbatimSymlinks: true });
    for (const { file, content } of printed) await putCompiled(draft, file, content, python.cacheTag);
    if (inside === INSIDE.sdk) await writeBundle(path.join(draft, "python"), python.cacheTag);
  });
  return made ? copy : folder;
}

/** @returns whether it could be made: a full disk is no reason to run nothing, and gets back what was written of it */
async function makeWhole(copy: string, make: (draft: string) => Promise<void>): Promise<boolean> {
  const draft = path.join(path.dirname(copy), `.${path.basename(copy)}-${newDraftName()}`);
  try {
    await makeFolder(path.dirname(copy));
    await make(draft);
    await putInPlace(draft, copy);
    return true;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (codeOf(error) === null) throw error;
    return false;
  }
}

export interface CompileOptions {
  readonly python: Python;
  /** Where the interpreter is from; null: it is this machine's. */
  readonly root: Root | null;
  readonly entries: readonly Entry[];
  readonly host: ViewHost;
}

/** Python files that do not compile are left for the guest to report. */
const COMPILE = `
import base64, os, py_compile, sys, tempfile
root = sys.argv[1]
target = os.path.join(tempfile.gettempdir(), "compiled")
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
for parent, folders, names in os.walk(root):
    folders[:] = sorted(name for name in folders if name != "__pycache__")
    for name in sorted(names):
        if name.endswith(".py"):
            path = os.path.join(parent, name)
            try:
                py_compile.compile(path, cfile=target, doraise=True, invalidation_mode=mode)
                with open(target, "rb") as file:
                    content = file.read()
            except (py_compile.PyCompileError, OSError, ValueError, RecursionError, MemoryError):
                continue
            print(os.path.relpath(path, root) + "\\t" + base64.b64encode(content).decode("ascii"))
print("end")
`;

/** Nothing that was printed is trusted: it must belong to a source file of the package, and go where no link leads. */
async function putCompiled(root: string, file: string, content: Buffer, cacheTag: string): Promise<void> {
  if (
    path.isAbsolute(file) ||
    path.normalize(file) !== file ||
    file.startsWith("../") ||
    !file.endsWith(".py")
  )
    return;
  for (let at = file; at !== "."; at = path.dirname(at)) {
    const found = await lstat(path.join(root, at)).catch(() => null);
    if (found === null || !(at === file ? found.isFile() : found.isDirectory())) return;
  }
  const folder = path.join(root, path.dirname(file), "__pycache__");
  const kind = await lstat(folder).catch(() => null);
  if (kind !== null && !kind.isDirectory()) return;
  await makeFolder(folder);
  const target = path.join(folder, `${path.basename(file, ".py")}.${cacheTag}.pyc`);
  if ((await lstat(target).catch(() => null)) !== null) return;
  await writeFile(target, content, { flag: "wx", mode: 0o644 });
}

/**
 * What Node.js compiles and strips of types before a JavaScript guest is ready, made once per version of
 * Node.js and of the SDK, in a sandbox with a package of our own, so no guest has any part in it.
 * Null: it could not be made.
 * @param version names the Node.js
 */
export async function compileJavaScriptSdk(
  makeEntries: (packageFolder: string) => Promise<readonly Entry[]>,
  interpreter: string,
  version: string,
  host: ViewHost,
): Promise<string | null> {
  const name = `node-${version}-${path.basename(host.sdkFolder)}`;
  const copy = path.join(host.stateDirectory, "compiled", name);
  if (await exists(copy)) return copy;
  const packageFolder = path.join(host.stateDirectory, "empty-package");
  await makeFolder(packageFolder);
  await writeFile(path.join(packageFolder, "normalize.mjs"), "export function run() {}\n", { mode: 0o644 });
  const guest = { kind: "javascript", file: "normalize.mjs", export: "run" } as const;
  const command = guestCommand(
    {
      digest: "",
      root: null,
      dependencies: null,
      folder: packageFolder,
      manifest: { ...NO_MANIFEST, guest },
    },
    "fresh",
    pathsInside({ interpreter, compileCacheFolder: "/tmp/compiled" }),
    DEFAULT_LIMITS,
  );
  const argv = [interpreter, "-e", COMPILE_JAVASCRIPT, "--", ...command.argv];
  const printed = await runToEnd(
    { argv, env: command.env, reservedBytes: RESERVED_BY_V8_BYTES },
    await makeEntries(packageFolder),
    host,
  );
  if (printed === null || printed.length === 0) return null;
  const made = await makeWhole(copy, async (draft) => {
    await makeFolder(draft);
    for (const { file, content } of printed) {
      if (!/^[\w.-]+\/[\w.-]+$/u.test(file) || file.includes("..")) continue;
      await makeFolder(path.join(draft, path.dirname(file)));
      await writeFile(path.join(draft, file), content, { mode: 0o644 });
    }
  });
  return made ? copy : null;
}

const NO_MANIFEST = {
  id: "empty",
  name: "empty",
  description: null,
  version: null,
  consumes: [],
  produces: [],
  limits: {},
  schema: "openkat/1",
  dependencies: null,
  runtime: null,
  onInvalid: "fail",
} as const;

const COMPILE_JAVASCRIPT = `
const { spawnSync } = require("node:child_process");
const { readdirSync, readFileSync } = require("node:fs");
const [program, ...args] = process.argv.slice(1);
spawnSync(program, args, { input: "", stdio: ["pipe", "ignore", "ignore"] });
for (const folder of readdirSync("/tmp/compiled")) {
  for (const file of readdirSync("/tmp/compiled/" + folder)) {
    const content = readFileSync("/tmp/compiled/" + folder + "/" + file).toString("base64");
    console.log(folder + "/" + file + "\\t" + content);
  }
}
console.log("end");
`;

interface Printed {
  readonly file: string;
  readonly content: Buffer;
}

/** Files that a command in a sandbox printed; null: it did not come to its end, or printed too much. */
async function runToEnd(
  command: LaunchCommand,
  entries: readonly Entry[],
  host: ViewHost,
): Promise<readonly Printed[] | null> {
  let said: string | null;
  try {
    said = await readToEnd(await host.launch(entries, command), OUTPUT_MAX_BYTES, DEADLINE_MS);
  } catch {
    return null;
  }
  const lines = said?.split("\n") ?? [];
  if (!lines.includes("end")) return null;
  return lines.flatMap((line) => {
    const [file = "", base64] = line.split("\t", 2);
    return base64 === undefined ? [] : [{ file, content: Buffer.from(base64, "base64") }];
  });
}

async function exists(folder: string): Promise<boolean> {
  try {
    return (await stat(folder)).isDirectory() && (await readdir(folder)).length > 0;
  } catch {
    return false;
  }
}
