import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import type { Driver } from "../../src/sandbox/driver.ts";
import { guestCommand } from "../../src/sandbox/guest-command.ts";

/**
 * A driver without any sandbox: the guest is a plain child of ours. Shows that an attack does get
 * through where nothing holds it; only for attacks that do no harm.
 */
export function unconfinedDriver(): Driver {
  let count = 0;
  return {
    name: "unconfined",
    capabilities: {
      isolates: false,
      memoryLimit: false,
      fork: true,
      roots: false,
      guests: ["python", "command"],
    },
    probe: () => Promise.resolve({ available: true, version: "none", protections: [], advice: [] }),
    prepare: (pkg) => Promise.resolve({ pkg, environment: { name: "host", version: "", digest: null } }),
    open: async ({ pkg }, { limits, state }) => {
      const paths = {
        packageFolder: pkg.folder,
        sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
        dependenciesFolder: "",
        interpreter: null,
        metaFile: "/dev/null",
        privateTmp: false,
      };
      const { argv, env } = guestCommand(pkg, state, paths, limits);
      const [program = "", ...args] = argv;
      const child = spawn(program, args, {
        env: { ...env, PATH: process.env["PATH"] ?? "" },
        stdio: ["pipe", "pipe", "pipe"],
        cwd: "/",
      });
      await once(child, "spawn");
      child.stdin.on("error", () => {});
      const ended = once(child, "exit").then(([exitCode, signal]: (number | string | null)[]) => ({
        exitCode: typeof exitCode === "number" ? exitCode : null,
        signal: typeof signal === "string" ? signal : null,
        outOfMemory: false,
        runtimeError: null,
      }));
      return {
        id: `unconfined-${process.pid}-${(count += 1)}`,
        runtime: { driver: "unconfined", version: "none" },
        protections: [],
        input: child.stdin,
        output: child.stdout,
        errors: child.stderr,
        ended,
        signal: (how) => void child.kill(how === "kill" ? "SIGKILL" : "SIGTERM"),
        usage: () => Promise.resolve({ cpuMs: null, peakMemoryBytes: null }),
        close: async () => {
          child.kill("SIGKILL");
          await ended;
        },
      };
    },
  };
}
