import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Why tests that need a toolchain cannot run here; false: they can. For `skip`. */
export function missingToolchain(program: "go" | "cargo"): string | false {
  const asked = spawnSync(program, [program === "go" ? "version" : "--version"], { encoding: "utf8" });
  return asked.status === 0 ? false : `there is no ${program} on this machine`;
}

/** Runs a tool of a toolchain to its end. @throws Error with what it printed, when it fails */
export function runTool(
  folder: string,
  [program = "", ...args]: readonly string[],
  env: object = {},
): string {
  const ran = spawnSync(program, args, {
    cwd: folder,
    encoding: "utf8",
    timeout: 300_000,
    env: { ...process.env, ...env },
  });
  if (ran.status !== 0) {
    throw new Error(`${program} ${args.join(" ")}: ${String(ran.status)}\n${ran.stdout}${ran.stderr}`);
  }
  return ran.stdout;
}

/** A folder for what is built, gone at the end of its scope. */
export function buildFolder(): { readonly path: string } & Disposable {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-toolchain-"));
  return {
    path: folder,
    [Symbol.dispose]: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
