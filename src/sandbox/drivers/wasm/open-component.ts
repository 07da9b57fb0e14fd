import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { chmod, open, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pipeline } from "node:stream/promises";

import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import type { Package } from "../../../domain/package.ts";
import { WhiskersError } from "../../../errors.ts";
import { makeFolder } from "../../view/make-folder.ts";
import { putInPlace } from "../../view/sdk-copy.ts";
import { within } from "../../within.ts";
import { Head } from "../head.ts";
import type { Host } from "./host.ts";
import type { MainOptions } from "./process/main.ts";
import type { TranspileOptions, Transpiled } from "./process/transpile.ts";

export type Component = NonNullable<MainOptions["component"]>;

const TOOL = "@bytecodealliance/jco-transpile";
const TOOLS_INSIDE = "/whiskers/component/node_modules/@bytecodealliance";
/** Magic number, version, and the layer that is 1 in components and 0 in modules. */
const COMPONENT = Buffer.from([0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]);
const MIB = 1024 * 1024;
/** The largest components of interpreters are 50 MiB, and the tool holds some copies of what it works on. */
const COMPONENT_MAX_BYTES = 128 * MIB;
const MEMORY_BYTES = 2048 * MIB;
const OUTPUT_MAX_BYTES = 2 * COMPONENT_MAX_BYTES;
const TIMEOUT_MS = 60_000;
const COMPLAINT_MAX_BYTES = 4096;
const FILE_NAME = /^component(?:\.core\d{0,4}\.wasm|\.js)$/u;

/**
 * Core modules and JavaScript of a component, made once and kept by its digest, the tool's version and our program, which decides what may run; null: the file is
 * no component. A component that cannot be run is told in its run, as a module is.
 * @throws WhiskersError `environment-missing`, `sandbox-failed`
 */
export async function openComponent(
  host: Host,
  stateDirectory: string,
  pkg: Package,
  file: string,
): Promise<Component | null> {
  const source = path.join(pkg.folder, file);
  if (!(await isComponent(source))) return null;
  const tool = await findTool(file);
  const madeBy = `${tool.version}-${host.programDigest}`;
  const folder = path.join(stateDirectory, `component-${madeBy}-${(await digestOf(source)).slice(0, 32)}`);
  if (existsSync(folder)) return { folder };
  const output = await transpile(host, pkg, file, tool.folder);
  if (typeof output === "string") return { trouble: output };
  const { trouble, files } = readTranspiled(output);
  if (trouble !== null) return { trouble };
  const draft = path.join(stateDirectory, `.component-${host.nextName()}`);
  await makeFolder(draft);
  await chmod(draft, 0o755);
  for (const { name, content } of files) {
    await writeFile(path.join(draft, name), content);
    await chmod(path.join(draft, name), 0o644);
  }
  await putInPlace(draft, folder);
  return { folder };
}

async function isComponent(file: string): Promise<boolean> {
  await using handle = await open(file);
  const head = Buffer.alloc(COMPONENT.length);
  await handle.read(head, 0, head.length, 0);
  return head.equals(COMPONENT);
}

interface Tool {
  readonly folder: string;
  readonly version: string;
}

/** It is optional, since it is large. */
async function findTool(file: string): Promise<Tool> {
  try {
    const folder = path.dirname(path.dirname(createRequire(import.meta.url).resolve(TOOL)));
    const { version } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")) as {
      readonly version: string;
    };
    return { folder, version };
  } catch (cause) {
    throw new WhiskersError(
      "environment-missing",
      `${file} is a component, and what runs those is not installed here: npm install ${TOOL}`,
      { cause },
    );
  }
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(file), hash);
  return hash.digest("hex");
}

/** What the tool printed, or why the component is none that can be run. */
async function transpile(
  host: Host,
  pkg: Package,
  file: string,
  toolFolder: string,
): Promise<Buffer | string> {
  const limits = { ...DEFAULT_LIMITS, memoryBytes: MEMORY_BYTES, openFiles: 1024, cpus: 2 };
  // All that it imports is beside it.
  const more = { folder: path.dirname(toolFolder), inside: TOOLS_INSIDE };
  const shown = { packageFolder: pkg.folder, dependenciesFolder: null, more };
  const around = await host.launch(shown, limits, ({ program, packageFolder, moreFolder }) => {
    const options: TranspileOptions = {
      componentFile: `${packageFolder}/${file}`,
      toolFolder: `${moreFolder}/${path.basename(toolFolder)}`,
    };
    return [
      process.execPath,
      "--no-warnings",
      "--disallow-code-generation-from-strings",
      "--permission",
      "--allow-worker",
      ...[program, packageFolder, moreFolder].map((folder) => `--allow-fs-read=${folder}`),
      `${program}/transpile.js`,
      JSON.stringify(options),
    ];
  });
  try {
    around.input.end();
    const complaint = new Head(COMPLAINT_MAX_BYTES);
    around.errors.pipe(complaint).resume();
    const output = await within(TIMEOUT_MS, collect(around.output), null);
    if (output === null)
      return `reading it took more than ${TIMEOUT_MS / 1000} s, or more than ${OUTPUT_MAX_BYTES} bytes`;
    const { exitCode, outOfMemory, runtimeError } = await around.ended;
    if (exitCode === 0) return output;
    if (runtimeError !== null) throw new WhiskersError("sandbox-failed", runtimeError);
    if (outOfMemory) return `reading it took more than ${MEMORY_BYTES} bytes of memory`;
    return `reading it failed: ${complaint.text.trim().slice(0, 500)}`;
  } finally {
    await around.close();
  }
}

/** Null: it is more than it may be. */
async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > OUTPUT_MAX_BYTES) return null;
  }
  return Buffer.concat(chunks);
}

interface TranspiledFile {
  readonly name: string;
  readonly content: Buffer;
}

/** The tool read what is hostile: what it says is looked at, too. */
function readTranspiled(output: Buffer): {
  readonly trouble: string | null;
  readonly files: readonly TranspiledFile[];
} {
  const end = output.indexOf("\n");
  const { trouble, files } = JSON.parse(output.toString("utf8", 0, Math.max(0, end))) as Transpiled;
  let at = end + 1;
  const cut = files.map(({ name, size }) => {
    const content = output.subarray(at, at + size);
    at += size;
    if (!FILE_NAME.test(name) || content.length !== size) {
      throw new WhiskersError("sandbox-failed", "what was made of a component is not whole");
    }
    return { name, content };
  });
  return { trouble, files: cut };
}
