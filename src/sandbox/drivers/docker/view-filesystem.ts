import { readdirSync } from "node:fs";
import path from "node:path/posix";

import { WhiskersError } from "../../../errors.ts";
import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { resolveInRoot } from "../../view/find-in-root.ts";
import { privateView, readOnly, systemView } from "../../view/view.ts";
import type { Entry, ViewParts } from "../../view/view.ts";
import { copiedFilesystem } from "./copied-filesystem.ts";
import type { Host } from "./host.ts";
import { INIT, makeInitFile } from "./init.ts";
import type { Filesystem } from "./open.ts";
import { rememberedImage } from "./remembered-image.ts";
import type { TarEntry } from "./tar.ts";
import { treeOf } from "./tree-of.ts";

const SHELL = "/bin/sh";

/**
 * The whole view of these parts, with the init.
 * @throws WhiskersError `environment-missing` a root has no shell, or there is none and the engine does not see this machine
 */
export async function makeEntries(parts: ViewParts, host: Host): Promise<readonly Entry[]> {
  if (parts.rootFolder === null && !host.sharesFiles) throw new WhiskersError("environment-missing", NO_ROOT);
  const shell = findShell(parts.rootFolder ?? "/");
  const init = await initEntry(shell, host);
  // First: an interpreter may lie in /tmp.
  return [...privateView(DEFAULT_LIMITS), ...systemView({ ...parts, extra: [...(parts.extra ?? []), init] })];
}

const NO_ROOT =
  "the engine does not see this machine's files, so a package has to bring what it runs on: name a base root in its " +
  "`environment` and make it with `whiskers root make`, or give it an image";

/** The init, on that shell. */
export async function initEntry(shell: string, host: Host): Promise<Entry> {
  const draft = { stateDirectory: host.stateDirectory, draftName: host.nextName() };
  return readOnly(await makeInitFile(shell, host.initMode, draft), INIT);
}

/** A file outside. The init is the shell of what it runs on: its libraries are there. */
export function findShell(rootFolder: string): string {
  const shell = resolveInRoot(rootFolder, SHELL);
  if (shell !== null) return path.join(rootFolder, shell);
  const message = `the root filesystem ${rootFolder} has no ${SHELL}, which containers start with`;
  throw new WhiskersError("environment-missing", message);
}

/**
 * A view. For an engine that shares this machine's files its folders are mounted, read-only, over an image with
 * nothing but links and /etc, which the engine has to put files of its own into; for any other all is in an image.
 * @param options.passing it is used once
 */
export function viewFilesystem(
  entries: readonly Entry[],
  host: Host,
  options: { readonly passing?: boolean } = {},
): Filesystem {
  if (!host.sharesFiles) return copiedFilesystem(entries, host, options.passing);
  return mountedFilesystem(host.isPodman ? entries.flatMap(spreadVar) : entries, host);
}

/** Podman mounts on /var/tmp, which a /var that is mounted itself may not have: what is in it is mounted. */
function spreadVar(entry: Entry): readonly Entry[] {
  if (entry.kind !== "read-only" || entry.target !== "/var") return [entry];
  return readdirSync(entry.source, { withFileTypes: true }).flatMap((one) =>
    one.name !== "tmp" && (one.isDirectory() || one.isFile())
      ? [readOnly(path.join(entry.source, one.name), path.join("/var", one.name))]
      : [],
  );
}

function mountedFilesystem(entries: readonly Entry[], host: Host): Filesystem {
  const layers = [{ entries: () => layerOf(entries) }];
  return {
    entries: entries.filter((entry) => !isEtc(entry)),
    provideImage: rememberedImage({ description: "links and /etc", layers }, host),
  };
}

async function* layerOf(entries: readonly Entry[]): AsyncGenerator<TarEntry> {
  yield { kind: "folder", path: "whiskers", mode: 0o755 };
  for (const entry of entries) {
    if (isEtc(entry)) yield* treeOf(entry.source, "etc");
    // /dev is the engine's.
    else if (entry.kind === "link" && !entry.target.startsWith("/dev/"))
      yield { kind: "link", path: entry.target.slice(1), to: entry.to };
  }
}

function isEtc(entry: Entry): entry is Extract<Entry, { kind: "read-only" }> {
  return entry.kind === "read-only" && entry.target === "/etc" && entry.isFile !== true;
}
