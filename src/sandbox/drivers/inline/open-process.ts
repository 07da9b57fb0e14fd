import { spawn } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";

import type { Usage } from "../../../domain/outcome.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Ending, OpenRequest, Prepared, Sandbox } from "../../driver.ts";
import { cpuMsOf, listByEnvironment, listTree, residentBytesOf } from "../process-tree.ts";
import { guestCommand } from "../../guest-command.ts";
import { send, signalOfStatus } from "../signals.ts";
import { NO_PROTECTIONS } from "./no-protections.ts";

/** By which processes of a guest are known even when they have left its process group and parents. */
const MARK = "WHISKERS_INLINE";
const LOOK_MS = 1;
const LOOK_MAX_MS = 20;
const USAGE_LOOK_MS = 100;

export interface InlinePrepared extends Prepared {
  /** Of Python or PHP; null: there is none to start. */
  readonly interpreter: string | null;
}

export interface InlineParts {
  readonly id: string;
  readonly sdkFolder: string;
  readonly stateDirectory: string;
  readonly searchPath: string;
}

/** A plain child process. @throws WhiskersError `sandbox-failed` */
export async function openProcess(
  prepared: InlinePrepared,
  request: OpenRequest,
  parts: InlineParts,
): Promise<Sandbox> {
  const filesFolder =
    request.files.length === 0 ? null : await mkdtemp(path.join(parts.stateDirectory, `${parts.id}-`));
  try {
    for (const { name, content } of request.files) {
      await writeFile(path.join(filesFolder ?? "", path.basename(name)), content);
    }
    const paths = {
      packageFolder: prepared.pkg.folder,
      sdkFolder: parts.sdkFolder,
      dependenciesFolder: prepared.pkg.dependencies?.folder ?? "",
      interpreter: prepared.interpreter,
      metaFile: path.join(filesFolder ?? parts.stateDirectory, "meta.json"),
      privateTmp: false,
    };
    const command = guestCommand(prepared.pkg, request.state, paths, request.limits);
    const [program = "", ...args] = command.argv;
    const child = spawn(program, args, {
      env: { ...command.env, PATH: parts.searchPath, [MARK]: parts.id },
      cwd: prepared.pkg.folder,
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
    });
    await once(child, "spawn");
    return new ProcessSandbox(child, parts.id, filesFolder);
  } catch (error) {
    if (filesFolder !== null) await rm(filesFolder, { recursive: true, force: true });
    throw new WhiskersError("sandbox-failed", `cannot start a process: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

class ProcessSandbox implements Sandbox {
  readonly id: string;
  readonly runtime = { driver: "inline", version: `node ${process.versions.node}` };
  readonly protections = NO_PROTECTIONS;
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #filesFolder: string | null;
  readonly #timer: NodeJS.Timeout;
  #usage: Usage = { cpuMs: null, peakMemoryBytes: null };
  #closed: Promise<void> | null = null;

  constructor(
    child: ChildProcessByStdio<Writable, Readable, Readable>,
    id: string,
    filesFolder: string | null,
  ) {
    this.id = id;
    this.#child = child;
    this.#filesFolder = filesFolder;
    this.input = child.stdin;
    this.input.on("error", () => {});
    this.output = child.stdout;
    this.errors = child.stderr;
    this.#timer = setInterval(() => {
      this.#measure();
    }, USAGE_LOOK_MS);
    this.#timer.unref();
    this.ended = this.#end();
  }

  signal(how: "terminate" | "kill"): void {
    const signal = how === "kill" ? "SIGKILL" : "SIGTERM";
    for (const pid of this.#processes()) send(pid, signal);
  }

  usage(): Promise<Usage> {
    this.#measure();
    return Promise.resolve(this.#usage);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.signal("kill");
    await this.ended;
    this.input.destroy();
    this.output.destroy();
    this.errors.destroy();
    if (this.#filesFolder !== null) await rm(this.#filesFolder, { recursive: true, force: true });
  }

  async #end(): Promise<Ending> {
    const [code, signal] = (await once(this.#child, "exit")) as [number | null, string | null];
    for (let waitMs = LOOK_MS; ; waitMs = Math.min(LOOK_MAX_MS, waitMs * 2)) {
      const left = this.#processes();
      if (left.length === 0) break;
      for (const pid of left) send(pid, "SIGKILL");
      await delay(waitMs);
    }
    clearInterval(this.#timer);
    return {
      exitCode: code,
      signal: signal ?? (code === null ? null : signalOfStatus(code)),
      outOfMemory: false,
      runtimeError: null,
    };
  }

  #processes(): readonly number[] {
    const marked = listByEnvironment(`${MARK}=${this.id}`);
    const { pid, exitCode, signalCode } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null
      ? marked
      : [...new Set([pid, ...marked])];
  }

  /** Of the tree alone: looking for what got away costs a look at every process of the machine. */
  #measure(): void {
    const { pid: root } = this.#child;
    const pids = root === undefined ? [] : listTree(root);
    if (pids.length === 0) return;
    const cpuMs = pids.reduce((sum, pid) => sum + cpuMsOf(pid), 0);
    const bytes = pids.reduce((sum, pid) => sum + residentBytesOf(pid), 0);
    this.#usage = {
      cpuMs: Math.max(this.#usage.cpuMs ?? 0, cpuMs),
      peakMemoryBytes: Math.max(this.#usage.peakMemoryBytes ?? 0, bytes),
    };
  }
}
