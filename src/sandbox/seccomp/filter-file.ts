import { createHash } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { compileFilter } from "./compile-filter.ts";

/**
 * Writes the filter for this machine's processor into `folder`, unless it is there, under a name that tells
 * its content. Null: there is no table for this processor.
 */
export async function writeFilterFile(folder: string, draftName: string): Promise<string | null> {
  const architecture = process.arch;
  if (architecture !== "x64" && architecture !== "arm64") return null;
  const filter = compileFilter(architecture);
  const hash = createHash("sha256").update(filter).digest("hex").slice(0, 16);
  const file = path.join(folder, `seccomp-${architecture}-${hash}.bpf`);
  const draft = path.join(folder, `.seccomp-${draftName}`);
  await mkdir(folder, { recursive: true });
  await writeFile(draft, filter);
  await rename(draft, file);
  return file;
}
