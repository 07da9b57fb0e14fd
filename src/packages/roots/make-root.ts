import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmod, copyFile, lstat, mkdir, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";

import { codeOf, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { digestTree } from "./digest-tree.ts";
import { BASE_PACKAGES, ROOT_RECIPES } from "./recipes.ts";
import type { RootRecipe } from "./recipes.ts";
import { findRoot, rootFile, rootsFolder, treeFolder } from "./root-store.ts";
import type { StoredRoot } from "./root-store.ts";

export interface MakeRootOptions {
  readonly home: string;
  /** Also when it is there: with Debian's packages of today. */
  readonly anew?: boolean;
  readonly signal: AbortSignal;
  /** What is being done, a line. */
  readonly progress?: ((line: string) => void) | undefined;
}

/**
 * Makes a base root from Debian's packages with mmdebstrap(1), unless it is there by the same recipe. As root, or
 * as a user who may make user namespaces. Any number of processes may do this at once: a root appears whole.
 * @throws WhiskersError `usage` no such recipe; `environment-missing` no mmdebstrap; `root-failed`; `cancelled`
 */
export async function makeRoot(name: string, options: MakeRootOptions): Promise<StoredRoot> {
  const recipe = ROOT_RECIPES[name];
  if (recipe === undefined) {
    const known = Object.keys(ROOT_RECIPES).join(", ");
    throw new WhiskersError("usage", `there is no base root ${JSON.stringify(name)}; there are: ${known}`);
  }
  const { home, signal } = options;
  const there = await findRoot(home, name);
  if (there?.recipe === fingerprint(recipe) && options.anew !== true) return there;
  const draft = path.join(rootsFolder(home), `.draft-${process.pid}-${randomBytes(6).toString("hex")}`);
  await mkdir(draft, { recursive: true });
  try {
    const tree = path.join(draft, "tree");
    const archive = path.join(draft, "root.tar");
    await mkdir(tree);
    await run("mmdebstrap", mmdebstrapArguments(recipe, archive), options);
    options.progress?.("unpacking");
    await run("tar", ["-x", "-f", archive, "-C", tree, "--no-same-owner", ...LEFT_OUT], options);
    if (recipe.node === true) await copyFile(process.execPath, path.join(tree, "usr/bin/node"));
    const packages = await takeOutPackages(tree);
    await replaceEtc(tree);
    await makePlain(tree);
    options.progress?.("hashing");
    const digest = await digestTree(tree);
    const folder = treeFolder(home, digest);
    await putInPlace(tree, folder);
    const stored = { name, digest, recipe: fingerprint(recipe), packages, madeAt: new Date().toISOString() };
    await writeFile(path.join(draft, "root.json"), `${JSON.stringify(stored, null, 1)}\n`);
    await rename(path.join(draft, "root.json"), rootFile(home, name));
    return { ...stored, folder };
  } catch (error) {
    if (error instanceof WhiskersError) throw error;
    if (signal.aborted) throw new WhiskersError("cancelled", `making the root ${name} was cancelled`);
    throw new WhiskersError("root-failed", `${name}: ${messageOf(error)}`, { cause: error });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** Counts whatever the making of a root depends on and a recipe does not say. */
const MAKING = 1;

function fingerprint(recipe: RootRecipe): string {
  const node = recipe.node === true ? process.versions.node : null;
  const text = JSON.stringify([MAKING, BASE_PACKAGES, LEFT_OUT, ETC, recipe, node, process.arch]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** `extract` runs no scripts of packages: quick, the same each time, and possible without being root. */
function mmdebstrapArguments(recipe: RootRecipe, archive: string): readonly string[] {
  return [
    "--variant=extract",
    "--format=tar",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    `--include=${[...BASE_PACKAGES, ...recipe.packages].join(",")}`,
    `--extract-hook=cd "$1/var/cache/apt/archives" && ls *.deb >"$1/${PACKAGE_LIST}"`,
    ...recipe.finish.map((line) => `--extract-hook=set -e; cd "$1"; ${line}`),
    recipe.suite,
    archive,
  ];
}

const PACKAGE_LIST = ".packages";

/** Nothing of it is of use to a normalizer. Devices and the kernel's file systems are the sandbox's matter. */
const LEFT_OUT = [
  "dev/*",
  "proc/*",
  "sys/*",
  "run/*",
  "tmp/*",
  "boot/*",
  "var/*",
  "usr/share/doc",
  "usr/share/info",
  "usr/share/man",
  "usr/share/locale",
  "usr/share/lintian",
  "usr/share/bug",
].map((pattern) => `--exclude=./${pattern}`);

/** What programs cannot do without, beside what their packages bring. */
const ETC: Readonly<Record<string, string>> = {
  passwd: "root:x:0:0:root:/:/bin/sh\nwhiskers:x:1000:1000:whiskers:/tmp:/bin/sh\n",
  group: "root:x:0:\nwhiskers:x:1000:\n",
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
  hosts: "127.0.0.1 localhost whiskers\n::1 localhost\n",
};

async function takeOutPackages(tree: string): Promise<readonly string[]> {
  const file = path.join(tree, PACKAGE_LIST);
  const names = (await readFile(file, "utf8")).trim().split("\n");
  await rm(file);
  // A colon of a version stands as %3a in the name of a file.
  return names.map((name) => decodeURIComponent(name.replace(/\.deb$/u, ""))).toSorted();
}

async function replaceEtc(tree: string): Promise<void> {
  for (const name of ["resolv.conf", "hostname", "fstab", "apt", "dpkg", "cron.daily", "skel"])
    await rm(path.join(tree, "etc", name), { recursive: true, force: true });
  for (const [name, content] of Object.entries(ETC)) await writeFile(path.join(tree, "etc", name), content);
}

/** Readable by every user, writable by its owner alone, without set-uid bits. */
async function makePlain(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const name of await readdir(folder)) {
    const file = path.join(folder, name);
    const stats = await lstat(file);
    if (stats.isDirectory()) await makePlain(file);
    else if (stats.isFile()) await chmod(file, (stats.mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

async function putInPlace(tree: string, folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true });
  try {
    await rename(tree, folder);
  } catch (error) {
    // The same content is there already.
    if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  }
}

const KEPT_COMPLAINT_CHARS = 2000;

function run(program: string, args: readonly string[], options: MakeRootOptions): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], signal: options.signal });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-KEPT_COMPLAINT_CHARS);
    const line = text.trim().split("\n").at(-1);
    if (line !== undefined && line !== "") options.progress?.(line.replace(/^I: /u, ""));
  });
  return new Promise((resolve, reject) => {
    child.once("error", (error) => {
      reject(codeOf(error) === "ENOENT" ? missing(program) : error);
    });
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} failed: ${said.trim().split("\n").slice(-5).join(" ")}`));
    });
  });
}

function missing(program: string): WhiskersError {
  return new WhiskersError(
    "environment-missing",
    `there is no ${program} on the PATH. On Debian and Ubuntu: apt-get install ${program}`,
  );
}
