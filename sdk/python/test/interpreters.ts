import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";

export interface Interpreter {
  readonly version: string;
  readonly path: string;
}

const OLDEST_MINOR = 8;
const NEWEST_MINOR_TRIED = 16;

/** Every Python from 3.8 on this machine, one for each minor version, oldest first: on the PATH and of pyenv. */
export function findInterpreters(): readonly Interpreter[] {
  const names = ["python3"];
  for (let minor = OLDEST_MINOR; minor <= NEWEST_MINOR_TRIED; minor += 1) names.push(`python3.${minor}`);
  const folders = (process.env["PATH"] ?? "").split(":").filter((folder) => !folder.endsWith("/shims"));
  const found = new Map<number, Interpreter>();
  for (const path of [
    ...folders.flatMap((folder) => names.map((name) => join(folder, name))),
    ...ofPyenv(),
  ]) {
    if (!existsSync(path)) continue;
    const [minor, version] = ask(path);
    if (minor >= OLDEST_MINOR && !found.has(minor)) found.set(minor, { version, path: realpathSync(path) });
  }
  return [...found].toSorted(([a], [b]) => a - b).map(([, interpreter]) => interpreter);
}

function ofPyenv(): string[] {
  let root: string;
  try {
    root = execFileSync("pyenv", ["root"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return [];
  }
  const versions = join(root, "versions");
  if (!existsSync(versions)) return [];
  return readdirSync(versions).map((version) => join(versions, version, "bin/python3"));
}

function ask(path: string): readonly [minor: number, version: string] {
  const script = "import sys; print(sys.version_info[1], '%d.%d.%d' % sys.version_info[:3])";
  try {
    const text = execFileSync(path, ["-I", "-S", "-c", script], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [minor = "0", version = ""] = text.trim().split(" ");
    return [Number(minor), version];
  } catch {
    return [0, ""];
  }
}
