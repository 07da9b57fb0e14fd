import { chmod, mkdir } from "node:fs/promises";

/** Readable by every user, whatever the umask. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await chmod(folder, 0o755);
}
