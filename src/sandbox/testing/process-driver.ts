import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";

import type { Package } from "../../domain/package.ts";
import type { Driver, Ending, OpenRequest, Prepared, Sandbox } from "../driver.ts";

/** How a test bends what this driver reports. */
export interface ProcessDriverOptions {
  /** Command line of a package's guest. */
  readonly argv: (pkg: Package) => readonly string[];
  /** Where `OpenRequest.files` go. */
  readonly folder: string;
  readonly fork?: boolean;
  readonly cheapFresh?: boolean;
  readonly mapEnding?: (ending: Ending) => Ending;
  readonly openDelayMs?: number;
  readonly peakMemoryBytes?: () => number | null;
}

/** A driver without any isolation, and a count of what it opened and of what still lives. */
export interface ProcessDriver extends Driver {
  readonly opened: readonly Sandbox[];
  readonly livingIds: ReadonlySet<string>;
}

/** Runs guests as plain child processes, each the leader of a process group, for tests of the conductor. */
export function processDriver(options: ProcessDriverOptions): ProcessDriver {
  const opened: Sandbox[] = [];
  const livingIds = new Set<string>();
  return {
    name: "process",
    opened,
    livingIds,
    capabilities: {
      isolates: true,
      memoryLimit: false,
      fork: options.fork ?? true,
      cheapFresh: options.cheapFresh ?? false,
      roots: false,
      guests: ["python", "javascript", "php", "program", "command"],
    },
    probe: () => Promise.resolve({ available: true, version: "test", protections: [], advice: [] }),
    prepare: (pkg) =>
      Promise.resolve({ pkg, environment: { name: "test", version: "0", digest: null } } satisfies Prepared),
    open: async (prepared, request) => {
      if (options.openDelayMs !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, options.openDelayMs));
      }
      const sandbox = await openProcess(options, prepared, request, `process-${opened.length}`);
      opened.push(sandbox);
      livingIds.add(sandbox.id);
      void sandbox.ended.finally(() => livingIds.delete(sandbox.id));
      return sandbox;
    },
  };
}

async function openProcess(
  options: ProcessDriverOptions,
  prepared: Prepared,
  request: OpenRequest,
  id: string,
): Promise<Sandbox> {
  const env: Record<string, string> = { PATH: process.env["PATH"] ?? "", WHISKERS_STATE: request.state };
  for (const { name, content } of request.files) {
    env["WHISKERS_META"] = path.join(options.folder, `${id}-${name}`);
    await writeFile(env["WHISKERS_META"], content);
  }
  const [program = "", ...args] = options.argv(prepared.pkg);
  const child = spawn(program, args, { env, detached: true, stdio: "pipe" });
  const { pid } = child;
  const signalGroup = (name: "SIGTERM" | "SIGKILL"): void => {
    try {
      if (pid !== undefined) process.kill(-pid, name);
    } catch {
      // The group is gone.
    }
  };
  const ended = new Promise<Ending>((resolve) => {
    const finish = (exitCode: number | null, signal: string | null, runtimeError: string | null): void => {
      signalGroup("SIGKILL");
      const ending: Ending = { exitCode, signal, outOfMemory: false, runtimeError };
      resolve(options.mapEnding?.(ending) ?? ending);
    };
    child.once("exit", (exitCode, signal) => {
      finish(exitCode, signal, null);
    });
    child.once("error", (error) => {
      finish(null, null, error.message);
    });
  });
  return {
    id,
    runtime: { driver: "process", version: "test" },
    protections: [],
    input: child.stdin,
    output: child.stdout,
    errors: child.stderr,
    ended,
    signal: (how) => {
      signalGroup(how === "kill" ? "SIGKILL" : "SIGTERM");
    },
    usage: () => Promise.resolve({ cpuMs: null, peakMemoryBytes: options.peakMemoryBytes?.() ?? null }),
    close: async () => {
      signalGroup("SIGKILL");
      await ended;
    },
  };
}
