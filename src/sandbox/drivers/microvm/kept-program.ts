import { createHash } from "node:crypto";
import { constants, existsSync } from "node:fs";
import { access } from "node:fs/promises";
import path from "node:path/posix";

import { makeFolder } from "../../view/make-folder.ts";
import { writeWhole } from "./drafts.ts";

/** A program of ours as a file, kept by its content; null: no program may be started from there. */
export async function keptProgram(
  stateDirectory: string,
  name: string,
  content: Buffer,
): Promise<string | null> {
  const folder = path.join(stateDirectory, "microvm");
  const kept = path.join(folder, `${name}-${createHash("sha256").update(content).digest("hex")}`);
  if (!existsSync(kept)) {
    await makeFolder(folder);
    await writeWhole(kept, content, 0o755);
  }
  return access(kept, constants.X_OK).then(
    () => kept,
    () => null,
  );
}
