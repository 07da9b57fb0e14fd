import { accessSync } from "node:fs";

/** Whether this process may do that with a file or folder: bits of `constants` of node:fs, access(2). False: also when it is not there. */
export function mayAccess(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}
