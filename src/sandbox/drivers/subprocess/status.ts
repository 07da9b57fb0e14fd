import type { Readable } from "node:stream";

import { isObject } from "../../../domain/unknown.ts";

/** What the program that makes the sandbox says on a descriptor that no guest ever has. */
export interface Status {
  /** The init of the sandbox's pid namespace, as a process of ours. */
  readonly initPid: number | null;
  /** False: the guest never ran, whatever else is said. */
  readonly started: boolean;
  /** How the guest ended, as a shell says it; null: it never ran, or did not end by itself. */
  readonly exitCode: number | null;
}

const STATUS_MAX_CHARS = 16_384;

/** Reads lines of JSON, as bubblewrap's --json-status-fd gives them, and `started`. Calls `onInit` once the init is known. */
export function watchStatus(
  stream: Readable,
  onInit: (pid: number) => void,
): { readonly current: () => Status; readonly end: Promise<void> } {
  let status: Status = { initPid: null, started: true, exitCode: null };
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    const lines = (rest + text).slice(-STATUS_MAX_CHARS).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const before = status.initPid;
      status = { ...status, ...parse(line) };
      if (before === null && status.initPid !== null) onInit(status.initPid);
    }
  });
  const end = new Promise<void>((resolve) => {
    stream.once("close", resolve);
    stream.once("error", () => {
      resolve();
    });
  });
  return { current: () => status, end };
}

function parse(line: string): Partial<Status> {
  let said: unknown;
  try {
    said = JSON.parse(line);
  } catch {
    return {};
  }
  if (!isObject(said)) return {};
  const { "child-pid": pid, started, "exit-code": exitCode } = said;
  return {
    ...(typeof pid === "number" ? { initPid: pid } : {}),
    ...(typeof started === "boolean" ? { started } : {}),
    ...(typeof exitCode === "number" ? { exitCode } : {}),
  };
}
