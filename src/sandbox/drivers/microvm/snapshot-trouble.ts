import { mkdir, rm, statfs } from "node:fs/promises";

import { formatBytes } from "../../../domain/quantity.ts";
import { fileTroubleOf } from "../../../domain/unknown.ts";
import { draftIn } from "./drafts.ts";

export interface SnapshotTrouble {
  readonly cause: "folder" | "room";
  /** What is wrong, and what to do, for people. */
  readonly words: string;
}

/** Tries what keeps snapshots of so many bytes from being kept in a folder; null: nothing that is known of. */
export async function snapshotTrouble(folder: string, bytes: number): Promise<SnapshotTrouble | null> {
  const tried = draftIn(folder);
  try {
    await mkdir(folder, { recursive: true, mode: 0o755 });
    await mkdir(tried);
    await rm(tried, { recursive: true });
  } catch (error) {
    const words = `whoever runs Whiskers has to be able to write in ${folder}: ${fileTroubleOf(error)}`;
    return { cause: "folder", words };
  }
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= bytes) return null;
  const room = `one takes up to ${formatBytes(bytes)}, and ${formatBytes(freeBytes)} are free`;
  return { cause: "room", words: `make room in ${folder}: ${room}` };
}
