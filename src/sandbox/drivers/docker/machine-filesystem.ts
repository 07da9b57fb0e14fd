import { readFileSync, realpathSync } from "node:fs";

import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { ETC_FILES } from "../subprocess/etc-folder.ts";
import { privateView, systemView } from "../subprocess/view.ts";
import type { Entry, ViewParts } from "../subprocess/view.ts";
import type { Host } from "./host.ts";
import { rememberedImage } from "./remembered-image.ts";
import { initEntries } from "./init.ts";
import type { Filesystem } from "./open.ts";
import type { TarEntry } from "./tar.ts";

/**
 * What the machine has, for packages without a root of their own: its libraries and interpreters by read-only bind
 * mounts, over an image with nothing but an init, links and a few files of /etc. Only where the engine's folders
 * are ours.
 */
export function machineFilesystem(parts: Omit<ViewParts, "etc">, host: Host): Filesystem {
  const entries = [...privateView(DEFAULT_LIMITS), ...systemView({ ...parts, etc: "/etc" })].filter(
    ({ target }) => target !== "/etc",
  );
  const layers = [{ key: null, entries: () => layerOf(entries) }];
  return { entries, provideImage: rememberedImage({ description: "this machine", layers }, host) };
}

function layerOf(entries: readonly Entry[]): readonly TarEntry[] {
  const shell = readFileSync(realpathSync("/bin/sh"));
  return [
    { kind: "folder", path: "whiskers", mode: 0o755 },
    ...initEntries(shell),
    { kind: "folder", path: "etc", mode: 0o755 },
    ...Object.entries(ETC_FILES).map(([name, text]): TarEntry => ({
      kind: "file",
      path: `etc/${name}`,
      mode: 0o644,
      content: Buffer.from(text),
    })),
    ...loaderCache(),
    // /dev is the engine's.
    ...entries.flatMap((entry): readonly TarEntry[] =>
      entry.kind === "link" && !entry.target.startsWith("/dev/")
        ? [{ kind: "link", path: entry.target.slice(1), to: entry.to }]
        : [],
    ),
  ];
}

/** musl has none. */
function loaderCache(): readonly TarEntry[] {
  try {
    return [
      { kind: "file", path: "etc/ld.so.cache", mode: 0o644, content: readFileSync("/etc/ld.so.cache") },
    ];
  } catch {
    return [];
  }
}
