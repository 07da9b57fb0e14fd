import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { open, readdir } from "node:fs/promises";

/**
 * Waits until everything below a folder is on the disk: by one `syncfs` of the file system, which Node.js has not
 * and `sync -f` has; where there is no such program, file by file, which takes longer.
 */
export async function syncTree(folder: string): Promise<void> {
  if (!(await syncFileSystem(folder))) await syncEach(Buffer.from(folder));
}

async function syncFileSystem(folder: string): Promise<boolean> {
  const child = spawn("sync", ["-f", folder], { stdio: "ignore" });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}

/** Names are bytes: not every one is UTF-8. */
async function syncEach(folder: Buffer): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true, encoding: "buffer" })) {
    const place = Buffer.concat([folder, Buffer.from("/"), entry.name]);
    if (entry.isDirectory()) await syncEach(place);
    else if (entry.isFile()) await syncOne(place);
  }
  await syncOne(folder);
}

async function syncOne(file: Buffer): Promise<void> {
  await using handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW);
  await handle.sync();
}
