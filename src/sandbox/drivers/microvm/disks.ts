import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import path from "node:path/posix";
import { promisify } from "node:util";

import type { Root } from "../../../domain/package.ts";
import { makeFolder } from "../../view/make-folder.ts";
import type { Entry } from "../../view/view.ts";
import { draftIn } from "./drafts.ts";
import type { PlaceOf } from "./guest-scripts.ts";
import type { MicrovmHost } from "./host.ts";

/** The disks of a machine, and where on them the sources of its view are. */
export interface Disks {
  readonly files: readonly string[];
  readonly placeOf: PlaceOf;
}

type DiskHost = Pick<MicrovmHost, "diskImage" | "stateDirectory">;

/**
 * Two: the root filesystem of the package, which all packages with that root share, and what is the package's: its code,
 * what it depends on, the SDK. Each is made once for its content, and shared by all machines.
 * @throws WhiskersError `environment-missing` no mkfs.erofs; `root-failed`
 */
export async function makeDisks(entries: readonly Entry[], root: Root, host: DiskHost): Promise<Disks> {
  const [rootFile, layer] = await Promise.all([
    host.diskImage(root.folder, root.digest),
    makeLayer(entries, root, host),
  ]);
  return {
    files: [rootFile, layer.file],
    placeOf: (source) => {
      if (isIn(source, root.folder)) return `/root-image${source.slice(root.folder.length)}`;
      return `/layer-image/${layer.sources.indexOf(source)}`;
    },
  };
}

function isIn(source: string, folder: string): boolean {
  return source === folder || source.startsWith(`${folder}/`);
}

interface Layer {
  readonly file: string;
  /** The n-th is in it as `n`. */
  readonly sources: readonly string[];
}

async function makeLayer(entries: readonly Entry[], root: Root, host: DiskHost): Promise<Layer> {
  const sources = entries.flatMap((entry) =>
    entry.kind === "read-only" && !isIn(entry.source, root.folder) ? [entry.source] : [],
  );
  const draft = draftIn(path.join(host.stateDirectory, "microvm"));
  await makeFolder(draft);
  try {
    for (const [index, source] of sources.entries())
      await promisify(execFile)("cp", [
        "-a",
        "--reflink=auto",
        "--",
        source,
        path.join(draft, String(index)),
      ]);
    // Whatever the permissions outside: inside it is another user's.
    await promisify(execFile)("chmod", ["-R", "a+rX", "--", draft]);
    return { file: await host.diskImage(draft, null), sources };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
