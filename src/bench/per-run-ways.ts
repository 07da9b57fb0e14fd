import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { promisify } from "node:util";

import { messageOf } from "../domain/unknown.ts";
import type { Subject } from "./subject.ts";
import { runFor, type Way } from "./way.ts";

/** What people write who start an interpreter for each raw file. */
const PROGRAM = `
import json, sys
sys.path.insert(0, sys.argv[1])
from normalize import run
for record in run(json.loads(sys.argv[2]), sys.stdin.buffer.read()):
    print(json.dumps(record))
`;
/** Of the machine, for a container without an image of its own: what a Python needs. */
const SHOWN = ["/usr", "/lib", "/lib64"];

/** `python3 -c` for each run, with nothing around it. */
export function pythonPerRun(subject: Subject, interpreter: string, version: string): Way {
  return perRun("python3 -c", version, subject, [interpreter, ...pythonArguments(subject)]);
}

export interface DockerRun extends AsyncDisposable {
  readonly way: Way;
}

/**
 * `docker run` for each run, of the same interpreter on the same files, in an image that has nothing.
 * @param host as DOCKER_HOST has it; null: the client's own choice
 * @returns why there is none, as text
 */
export async function dockerPerRun(
  subject: Subject,
  interpreter: string,
  host: string | null,
): Promise<DockerRun | string> {
  const docker = ["docker", ...(host === null ? [] : ["--host", host])] as const;
  const client = async (args: readonly string[], input?: Buffer): Promise<string> => {
    const [program, ...before] = docker;
    const running = promisify(execFile)(program, [...before, ...args]);
    running.child.stdin?.end(input);
    return (await running).stdout.trim();
  };
  try {
    const version = await client(["version", "--format", "Docker {{.Server.Version}}"]);
    // An empty tar archive.
    const image = await client(["import", "-"], Buffer.alloc(10_240));
    const volumes = [...SHOWN, subject.python.folder].flatMap((shown) => [
      "--volume",
      `${shown}:${shown}:ro`,
    ]);
    const container = ["run", "--rm", "--interactive", "--network=none", ...volumes, image];
    const argv = [...docker, ...container, interpreter, ...pythonArguments(subject)];
    return {
      way: perRun("docker run", version, subject, argv),
      async [Symbol.asyncDispose]() {
        await client(["rmi", image]);
      },
    };
  } catch (error) {
    return messageOf(error);
  }
}

function pythonArguments({ python, meta }: Subject): readonly string[] {
  return ["-B", "-c", PROGRAM, python.folder, JSON.stringify(meta)];
}

function perRun(runtime: string, version: string, { raw }: Subject, argv: readonly string[]): Way {
  return {
    name: { runtime, how: "per run", language: "python" },
    version,
    runs: (budgetMs, atOnce, signal) =>
      runFor(budgetMs, atOnce, signal, async () => {
        const [program = "", ...args] = argv;
        const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"], signal });
        createReadStream(raw.path).pipe(child.stdin);
        let lines = 0;
        child.stdout.on("data", (piece: Buffer) => {
          for (const byte of piece) if (byte === NEWLINE) lines += 1;
        });
        await once(child, "close");
        if (child.exitCode !== 0 || lines !== OBJECTS) {
          throw new Error(`${runtime}: exit code ${String(child.exitCode)} after ${lines} objects`);
        }
      }),
  };
}

const NEWLINE = 10;
/** A network, and a name for each line of the raw file. */
const OBJECTS = 201;
