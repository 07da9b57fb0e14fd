import { createHash, randomBytes } from "node:crypto";
import { chmod, cp, mkdir, readFile, realpath, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import type { Dependencies, Manifest, Requirements, Root } from "../../domain/package.ts";
import { codeOf, isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { packageDigest } from "../digest.ts";
import { listFolder } from "../list-folder.ts";
import { readEntry } from "../read-entry.ts";
import { findStored, storeFolder } from "../store-folder.ts";
import { type ClientConfiguration, HOME_INSIDE } from "./client-configuration.ts";
import { composer } from "./composer.ts";
import type { Installation, Installer } from "./installer.ts";
import { npm } from "./npm.ts";
import { pip } from "./pip.ts";
import type { Tool, Tools } from "./tools.ts";

export interface InstallOptions {
  readonly home: string;
  readonly tools: Tools;
  readonly client: ClientConfiguration;
}

/** What a package needs installed. */
export interface Wanted {
  /** Absolute; the copy of the package. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly requirements: Requirements;
  readonly root: Root | null;
}

export interface Installed extends Dependencies {
  /** Nothing was run: it was there. */
  readonly reused: boolean;
  /** What a person should know; another day may install something else. */
  readonly warnings: readonly string[];
}

const INSTALLERS: Readonly<Record<Requirements["ecosystem"], Installer>> = { pip, npm, composer };
/** Counts whatever changes what is installed and is in no tool's version. */
const MAKING = 1;
const TIMEOUT_MS = 15 * 60_000;
const INSIDE = { work: "/whiskers/work", cache: "/whiskers/cache", tmp: "/whiskers/tmp" } as const;

/**
 * Installs what a package's lock file names, into a folder that is kept under `home` by the digest of what is in
 * it. It is made once for each lock file (with what is listed beside it), base and version of the tools; what pip,
 * npm and composer fetch is cached below that. They run in a sandbox that has the network and nothing else, and run
 * no code of what they install: pip takes wheels only, npm and composer run no scripts.
 * @throws WhiskersError `dependencies-failed`, `manifest-invalid`, `environment-missing`, as `Tools.run`
 */
export async function installDependencies(
  wanted: Wanted,
  options: InstallOptions,
  signal: AbortSignal,
): Promise<Installed> {
  const installer = INSTALLERS[wanted.requirements.ecosystem];
  const tool = await installer.tool(wanted, options.tools);
  const base = path.join(options.home, "dependencies");
  await makePrivate(base);
  const draft = path.join(base, `.draft-${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    const work = path.join(draft, "work");
    await copyRequired(wanted, installer, work);
    const keyFile = path.join(base, "keys", `${await keyOf(work, wanted, tool)}.json`);
    const known = await readKnown(keyFile, options.home);
    if (known !== null) return known;
    const warnings = await install({ wanted, installer, tool, draft, work }, options, signal);
    const { digest, folder } = await storeFolder(
      await realpath(path.join(work, "out")),
      options.home,
      "dependencies/trees",
    );
    await remember(keyFile, { digest, warnings });
    return { digest, folder, reused: false, warnings };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Other users of this machine have no business in it: configuration of clients is copied here. */
async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
}

/** What is not listed is not there, so that nothing can matter that is not in the key. */
async function copyRequired(
  { folder, manifest, requirements }: Wanted,
  installer: Installer,
  work: string,
): Promise<void> {
  await mkdir(work, { recursive: true });
  const [lockFile] = requirements.files;
  const beside = installer.beside.map((name) => path.posix.join(path.posix.dirname(lockFile), name));
  for (const file of new Set([...requirements.files, ...beside])) {
    const target = path.join(work, file);
    await mkdir(path.dirname(target), { recursive: true });
    try {
      await cp(path.join(folder, file), target, { recursive: true, verbatimSymlinks: true });
    } catch (cause) {
      if (codeOf(cause) !== "ENOENT") throw cause;
      throw new WhiskersError(
        "manifest-invalid",
        `${manifest.id}: dependencies: the package has no ${file}`,
        {
          cause,
        },
      );
    }
  }
}

async function keyOf(work: string, { root, requirements }: Wanted, tool: Tool): Promise<string> {
  const entries = [];
  for (const entry of await listFolder(await realpath(work))) entries.push(await readEntry(work, entry));
  const parts = [MAKING, requirements, packageDigest(entries), root?.digest ?? null, tool.identity];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

interface Job {
  readonly wanted: Wanted;
  readonly installer: Installer;
  readonly tool: Tool;
  readonly draft: string;
  readonly work: string;
}

async function install(
  { wanted, installer, tool, draft, work }: Job,
  { home, tools, client }: InstallOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { requirements } = wanted;
  const cache = path.join(home, "dependencies", "cache", requirements.ecosystem);
  const tmp = path.join(draft, "tmp");
  const homeFolder = path.join(draft, "home");
  for (const folder of [cache, tmp, homeFolder, path.join(work, "out")]) {
    await mkdir(folder, { recursive: true });
    await chmod(folder, 0o755);
  }
  await copyHome(client, homeFolder);
  await openUp(work);
  const installation: Installation = {
    lockFile: path.posix.join(INSIDE.work, requirements.files[0]),
    out: `${INSIDE.work}/out`,
    cache: INSIDE.cache,
  };
  const { exitCode, said } = await tools.run(
    {
      argv: [...tool.argv, ...installer.arguments(installation)],
      env: {
        ...client.env,
        ...tool.env,
        ...installer.env(installation),
        LANG: "C.UTF-8",
        TMPDIR: INSIDE.tmp,
      },
      root: tool.root,
      readable: [...tool.readable, ...client.readable, { source: homeFolder, target: HOME_INSIDE }],
      writable: [
        { source: work, target: INSIDE.work },
        { source: cache, target: INSIDE.cache },
        { source: tmp, target: INSIDE.tmp },
      ],
      workingFolder: path.posix.dirname(installation.lockFile),
      timeoutMs: TIMEOUT_MS,
    },
    signal,
  );
  if (exitCode !== 0) throw failed(wanted, exitCode, said);
  for (const folder of ["out", installer.product(requirements)]) {
    await checkNoLinks(path.join(work, folder), wanted);
  }
  return installer.tidy({ work, out: path.join(work, "out"), requirements });
}

/** Of files that only their owner may read, the tool's user gets a copy, in a folder that nobody else can reach. */
async function copyHome({ homeFiles }: ClientConfiguration, homeFolder: string): Promise<void> {
  await chmod(path.dirname(homeFolder), 0o700);
  for (const { source, name } of homeFiles) {
    const target = path.join(homeFolder, name);
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, await readFile(source));
    await chmod(target, 0o444);
    for (let at = path.dirname(target); at !== homeFolder; at = path.dirname(at)) await chmod(at, 0o755);
  }
}

/** The tool's user is another one than ours, when we are root; its umask is ours. */
async function openUp(folder: string): Promise<void> {
  await chmod(folder, 0o777);
  for (const { path: file, kind } of await listFolder(await realpath(folder))) {
    if (kind === "file") await chmod(path.join(folder, file), 0o644);
    for (let at = path.dirname(file); at !== "."; at = path.dirname(at)) {
      await chmod(path.join(folder, at), 0o777);
    }
  }
  await chmod(path.join(folder, "out"), 0o777);
}

/** Whatever made it: nothing that is tidied up lies outside. */
async function checkNoLinks(folder: string, { manifest, requirements }: Wanted): Promise<void> {
  const parent = await realpath(path.dirname(folder));
  const real = await realpath(folder).catch(() => null); // Nothing was installed.
  if (real === null || real === path.join(parent, path.basename(folder))) return;
  const what = `${requirements.ecosystem} left a link in place of a folder`;
  throw new WhiskersError("dependencies-failed", `${manifest.id}: ${what}`);
}

const SAID_LINES = 12;

function failed({ manifest, requirements }: Wanted, exitCode: number | null, said: string): WhiskersError {
  const how = exitCode === null ? "was ended" : `exit status ${exitCode}`;
  const lines = said.trim().split("\n").slice(-SAID_LINES).join("\n");
  const what = `${requirements.ecosystem} could not install ${requirements.files[0]}`;
  return new WhiskersError("dependencies-failed", `${manifest.id}: ${what} (${how}):\n${lines}`);
}

async function readKnown(keyFile: string, home: string): Promise<Installed | null> {
  let known: unknown;
  try {
    known = JSON.parse(await readFile(keyFile, "utf8"));
  } catch {
    return null; // Not there, or damaged: it is installed anew.
  }
  if (!isObject(known) || typeof known["digest"] !== "string" || !Array.isArray(known["warnings"]))
    return null;
  const stored = await findStored(home, "dependencies/trees", known["digest"]);
  return stored === null ? null : { ...stored, reused: true, warnings: known["warnings"].map(String) };
}

async function remember(
  keyFile: string,
  known: { readonly digest: string; readonly warnings: readonly string[] },
): Promise<void> {
  const draft = `${keyFile}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await mkdir(path.dirname(keyFile), { recursive: true });
  await writeFile(draft, `${JSON.stringify(known)}\n`);
  await rename(draft, keyFile);
}
