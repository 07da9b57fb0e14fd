import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { access, mkdir, rename, rm } from "node:fs/promises";
import path from "node:path";

import type { Root } from "../domain/package.ts";
import { codeOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";

/** File systems that cannot be written to, for virtual machines. */
export type BlockKind = "squashfs" | "erofs";

/** The same bytes for the same tree: everything is of root and of 1970, and no chance is in it. */
const TOOLS: Readonly<
  Record<BlockKind, { readonly package: string; argv(folder: string, file: string): readonly string[] }>
> = {
  squashfs: {
    package: "squashfs-tools",
    argv: (folder, file) => [
      "mksquashfs",
      folder,
      file,
      ..."-noappend -no-progress -quiet -no-xattrs -all-root -mkfs-time 0 -all-time 0".split(" "),
    ],
  },
  erofs: {
    package: "erofs-utils",
    argv: (folder, file) => [
      "mkfs.erofs",
      ..."--quiet -x-1 -T0 --force-uid=0 --force-gid=0 -zlz4hc".split(" "),
      "-U00000000-0000-0000-0000-000000000000",
      file,
      folder,
    ],
  },
};

/**
 * A root filesystem as a block device's content, made once for each digest and kept in the cache below `home`.
 * @returns the file's absolute path
 * @throws WhiskersError `environment-missing` no such tool; `root-failed`; `cancelled`
 */
export async function blockImage(
  root: Root,
  kind: BlockKind,
  { home, signal }: { readonly home: string; readonly signal: AbortSignal },
): Promise<string> {
  const folder = path.join(path.resolve(home), "cache", "blocks");
  const file = path.join(folder, `${root.digest.replace("sha256:", "")}.${kind}`);
  if (await isThere(file)) return file;
  await mkdir(folder, { recursive: true });
  const draft = path.join(folder, `.draft-${process.pid}-${randomBytes(6).toString("hex")}`);
  try {
    await run(TOOLS[kind].argv(root.folder, draft), kind, signal);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  return file;
}

function isThere(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

const KEPT_COMPLAINT_CHARS = 2000;

function run(
  [program = "", ...args]: readonly string[],
  kind: BlockKind,
  signal: AbortSignal,
): Promise<void> {
  // Both tools would take a time from there instead of the one that they are given.
  const { SOURCE_DATE_EPOCH: _, ...env } = process.env;
  const child = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"], signal, env });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-KEPT_COMPLAINT_CHARS);
  });
  return new Promise((resolve, reject) => {
    child.once("error", (cause) => {
      if (signal.aborted) reject(new WhiskersError("cancelled", `making ${kind} was cancelled`, { cause }));
      else if (codeOf(cause) !== "ENOENT") reject(cause);
      else {
        const how = `On Debian and Ubuntu: apt-get install ${TOOLS[kind].package}`;
        reject(new WhiskersError("environment-missing", `there is no ${program} on the PATH. ${how}`));
      }
    });
    child.once("close", (code) => {
      if (code === 0) resolve();
      else reject(new WhiskersError("root-failed", `${program}: ${said.trim() || `status ${code}`}`));
    });
  });
}
