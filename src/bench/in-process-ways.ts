import { execFile, execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { run as runInProcess } from "./normalizers/javascript/normalize.ts";
import type { Subject } from "./subject.ts";
import type { Runs, Way } from "./way.ts";

/** The function called as it is, and in a bare fork: what no sandbox can be faster than. */
export function inProcessWays({ python, raw, metaPath }: Subject, interpreter: string): readonly Way[] {
  const version = execFileSync(interpreter, ["--version"], { encoding: "utf8" }).trim();
  const script = join(import.meta.dirname, "in-process.py");
  const inPython = async (
    how: string,
    budgetMs: number,
    atOnce: number,
    signal: AbortSignal,
  ): Promise<Runs> => {
    const args = ["-B", script, how, python.folder, raw.path, metaPath, String(budgetMs / 1000)];
    const printed = await Promise.all(
      Array.from({ length: atOnce }, () => promisify(execFile)(interpreter, args, { signal })),
    );
    const ms = printed.flatMap(({ stdout }) => JSON.parse(stdout) as readonly number[]);
    // Starting the interpreter is no part of it.
    return { ms, seconds: ms.reduce((total, one) => total + one, 0) / 1000 / atOnce };
  };
  return [
    {
      name: { runtime: "in-process", how: "call", language: "python" },
      version,
      runs: (budgetMs, atOnce, signal) => inPython("call", budgetMs, atOnce, signal),
    },
    {
      name: { runtime: "in-process", how: "fork", language: "python" },
      version,
      runs: (budgetMs, atOnce, signal) => inPython("fork", budgetMs, atOnce, signal),
    },
    {
      name: { runtime: "in-process", how: "call", language: "javascript" },
      version: `Node.js ${process.version}`,
      // One thread has one core, however many are asked for.
      runs: (budgetMs) => Promise.resolve(inJavaScript(readFileSync(raw.path), budgetMs)),
    },
  ];
}

function inJavaScript(raw: Buffer, budgetMs: number): Runs {
  const ms: number[] = [];
  const startedMs = performance.now();
  while (performance.now() - startedMs < budgetMs) {
    const runStartedMs = performance.now();
    Array.from(runInProcess(null, raw), (record) => JSON.stringify(record)).join("\n");
    ms.push(performance.now() - runStartedMs);
  }
  return { ms, seconds: (performance.now() - startedMs) / 1000 };
}
