import { posix } from "node:path";

import type { Guest, Requirements } from "../domain/package.ts";
import type { Complaint } from "./manifest-error.ts";

type Ecosystem = Requirements["ecosystem"];

const MOST_FILES = 64;

/** Whose lock file it is, by its name. */
const LOCK_FILES: readonly (readonly [RegExp, Ecosystem])[] = [
  [/^[^/]+\.txt$/u, "pip"],
  [/^(?:package-lock|npm-shrinkwrap)\.json$/u, "npm"],
  [/^composer\.lock$/u, "composer"],
];

/** `dependencies` of normalizer.json: the lock file, or a list of it and what it needs beside it. */
export function parseRequirements(
  value: unknown,
  kind: Guest["kind"],
  complain: Complaint,
): Requirements | null {
  if (value === undefined || value === null) return null;
  const files: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (files.length > MOST_FILES) throw complain("dependencies", value, `at most ${MOST_FILES} files`);
  const [lockFile, ...more] = files.map((file, index) => {
    const key = Array.isArray(value) ? `dependencies[${index}]` : "dependencies";
    return parsePath(file, key, complain);
  });
  const ecosystem = LOCK_FILES.find(([name]) => name.test(posix.basename(lockFile ?? "")))?.[1];
  if (lockFile === undefined || ecosystem === undefined) {
    throw complain(
      "dependencies",
      value,
      '"requirements.txt" (or another .txt for pip), "package-lock.json" or "composer.lock", or a list of it and what it needs beside it',
    );
  }
  const fitting = FITTING[kind];
  if (fitting !== null && fitting !== ecosystem) {
    throw complain("dependencies", value, `for a ${kind} package a ${LOCK_FILE_OF[fitting]}`);
  }
  return { ecosystem, files: [lockFile, ...more] };
}

/** Null: any, a program may be written in anything. */
const FITTING: Readonly<Record<Guest["kind"], Ecosystem | null>> = {
  python: "pip",
  javascript: "npm",
  php: "composer",
  program: null,
  command: null,
  wasm: null,
};

const LOCK_FILE_OF: Readonly<Record<Ecosystem, string>> = {
  pip: "requirements.txt",
  npm: "package-lock.json",
  composer: "composer.lock",
};

function parsePath(value: unknown, key: string, complain: Complaint): string {
  const expected = "the path of a file or folder in the package";
  if (typeof value !== "string" || value === "" || value.length > 1024 || /[\u0000-\u001f]/u.test(value)) {
    throw complain(key, value, expected);
  }
  const file = posix.normalize(value).replace(/\/$/u, "");
  if (posix.isAbsolute(file) || file === "." || file === ".." || file.startsWith("../")) {
    throw complain(key, value, expected);
  }
  return file;
}
