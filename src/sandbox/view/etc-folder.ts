import { chmod, copyFile, mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { codeOf } from "../../domain/unknown.ts";
import { INSIDE_ID } from "./view.ts";

/** The few files of /etc that programs cannot do without. Nothing in them is this machine's, but the list of libraries. */
export const ETC_FILES: Readonly<Record<string, string>> = {
  passwd: `root:x:0:0:root:/:/bin/sh\nwhiskers:x:${INSIDE_ID}:${INSIDE_ID}:whiskers:/tmp:/bin/sh\n`,
  group: `root:x:0:\nwhiskers:x:${INSIDE_ID}:\n`,
  "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n",
  hosts: "127.0.0.1 localhost whiskers\n::1 localhost\n",
};

/** Makes it anew, whole, for any number of processes at once. Returns its path. */
export async function makeEtcFolder(stateDirectory: string, draftName: string): Promise<string> {
  const folder = path.join(stateDirectory, "etc");
  const draft = path.join(stateDirectory, `.etc-${draftName}`);
  // A mount point.
  await mkdir(path.join(draft, "alternatives"), { recursive: true });
  for (const [name, content] of Object.entries(ETC_FILES)) await writeFile(path.join(draft, name), content);
  await copyFile("/etc/ld.so.cache", path.join(draft, "ld.so.cache")).catch((error: unknown) => {
    // musl has none.
    if (codeOf(error) !== "ENOENT") throw error;
  });
  for (const name of ["", "alternatives", "ld.so.cache", ...Object.keys(ETC_FILES)]) {
    await chmod(path.join(draft, name), name === "" || name === "alternatives" ? 0o755 : 0o644).catch(
      () => {},
    );
  }
  try {
    await rename(draft, folder);
  } catch (error) {
    // Another process, or an earlier one, has made it: it is the same.
    await rm(draft, { recursive: true, force: true });
    if (codeOf(error) !== "ENOTEMPTY" && codeOf(error) !== "EEXIST") throw error;
  }
  return folder;
}
