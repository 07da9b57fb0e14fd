import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { after } from "node:test";

import { createSubprocessDriver } from "../../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { driverContract } from "./driver.ts";

/** Where there is no perl, Python loads the filter of system calls. */
const searchPath = everythingBut(/^perl/u);
after(() => {
  rmSync(path.dirname(searchPath), { recursive: true });
});

driverContract(
  "subprocess, util-linux without perl",
  (folders) => createSubprocessDriver({ ...folders, variant: "util-linux", searchPath }),
  { mustWork: true },
);

/** One folder with links to all programs of the PATH, the first of each name. Not in /tmp, which sandboxes cover. */
function everythingBut(left: RegExp): string {
  const parent = mkdtempSync("/var/tmp/whiskers-test-path-");
  chmodSync(parent, 0o755);
  const folder = path.join(parent, "bin");
  mkdirSync(folder);
  const linked = new Set<string>();
  const folders = `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/bin:/sbin:/bin`.split(":");
  for (const from of folders) {
    for (const name of list(from)) {
      if (left.test(name) || linked.has(name)) continue;
      linked.add(name);
      symlinkSync(path.join(from, name), path.join(folder, name));
    }
  }
  return folder;
}

function list(folder: string): readonly string[] {
  try {
    return path.isAbsolute(folder) ? readdirSync(folder) : [];
  } catch {
    return [];
  }
}
