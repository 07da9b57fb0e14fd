import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path/posix";
import type { Duplex, Readable, Writable } from "node:stream";

import type { Protection, Usage } from "../../../domain/outcome.ts";
import type { Cgroup } from "../../cgroup/cgroup.ts";
import { messageOf } from "../../../domain/unknown.ts";
import { readPids, writeControl } from "../../cgroup/control-files.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { Head } from "../head.ts";
import type { Meter } from "../meter.ts";
import { isAlive, isSameAlive, listTree, startOf } from "../process-tree.ts";
import { endOfStatus, send } from "../signals.ts";
import { untilGone } from "../until-gone.ts";
import type { OciHost } from "./host.ts";

/** From the end of a container's processes until its runtime has to be gone too. */
const RUNTIME_ENDS_MS = 500;
const COMPLAINT_MAX_BYTES = 4096;

export interface OciSandboxParts {
  readonly id: string;
  readonly host: OciHost;
  /** The runtime's `run`, which lives as long as the container. */
  readonly child: ChildProcess;
  /** Its first process is to be put into it; null: it is there, or there is none. */
  readonly cgroup: Cgroup | null;
  /** Beside it: where the runtime has put that process. */
  readonly runtimeCgroup: string;
  /** Its first process says when it is there: whatever ended before was not the guest. */
  readonly tellsStart: boolean;
  readonly meter: Meter;
  /** Where the runtime writes what went wrong, as lines of JSON. */
  readonly logFile: string;
  /** Called once, when all is over. */
  readonly release: () => Promise<void>;
}

/** A container whose runtime is a child of this process. */
export class OciSandbox implements Sandbox {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<Ending>;
  readonly #parts: OciSandboxParts;
  #initPid: number | null = null;
  #started = false;
  #killed = false;
  /** Why it has no guest; null: it may have. */
  #refusal: string | null = null;
  /** Without a cgroup: what was killed, and when each was started. Whose runtime is gone, nobody's tree has it. */
  readonly #dying = new Map<number, ReturnType<typeof startOf>>();
  #closed: Promise<void> | null = null;

  constructor(parts: OciSandboxParts) {
    const { child, host, meter } = parts;
    if (child.stdin === null || child.stdout === null || child.stderr === null) throw new Error("no streams");
    this.id = parts.id;
    this.runtime = { driver: "oci", version: host.runtime.version };
    this.protections = host.protections;
    this.#parts = parts;
    this.input = child.stdin;
    this.input.on("error", () => {});
    const head = new Head(0);
    this.output = child.stdout.pipe(head);
    const complaint = new Head(COMPLAINT_MAX_BYTES);
    this.errors = child.stderr.pipe(complaint);
    const started = (): void => {
      this.#started = true;
    };
    // Who has said anything was started. The container's init says so by itself where it can.
    child.stdout.once("data", started);
    const status = child.stdio[3] as Duplex;
    status.on("error", () => {});
    status.once("data", () => {
      if (!this.#killed) this.#enterCgroup();
      if (this.#killed) {
        // Then there is no guest.
        status.destroy();
        return;
      }
      started();
      status.write("go\n");
    });
    if (child.pid !== undefined) {
      meter.start(child.pid, () => {
        this.signal("kill");
      });
    }
    this.ended = this.#end(complaint);
  }

  signal(how: "terminate" | "kill"): void {
    if (how === "kill") {
      this.#killed = true;
      this.#killAll();
    } else if (this.#parts.host.runtime.ownKernel) this.#askRuntimeToTerminate();
    else for (const pid of this.processes()) send(pid, "SIGTERM");
  }

  /** What runs in it now, without its init and the runtime. Of a runtime with a kernel of its own: nobody knows. */
  processes(): readonly number[] {
    const launchers = [this.#parts.child.pid, this.#initPid];
    return this.#pids().filter((pid) => !launchers.includes(pid));
  }

  usage(): Promise<Usage> {
    return Promise.resolve(this.#parts.meter.usage());
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.signal("kill");
    await this.ended;
    this.input.destroy();
    this.#parts.child.stdout?.destroy();
    this.#parts.child.stderr?.destroy();
    this.output.destroy();
    this.errors.destroy();
    await this.#parts.release();
  }

  async #end(complaint: Head): Promise<Ending> {
    const { child, meter } = this.#parts;
    const [code, signal, error] = await new Promise<[number | null, string | null, string | null]>(
      (resolve) => {
        child.once("error", ({ message }) => {
          resolve([null, null, message]);
        });
        child.once("exit", (exitCode, by) => {
          resolve([exitCode, by, null]);
        });
      },
    );
    await untilGone(
      () => this.#pids().some(isAlive) || this.#isAnyDying(),
      () => {
        this.#killAll();
      },
    );
    meter.stop();
    const ending =
      error === null ? this.#judge(code, signal, complaint.text) : { ...NOTHING, runtimeError: error };
    return { ...ending, outOfMemory: meter.outOfMemory() };
  }

  #judge(code: number | null, signal: string | null, complaint: string): Ending {
    const said = this.#runtimeComplaint();
    if (this.#refusal !== null) return { ...NOTHING, runtimeError: this.#refusal };
    const failed = signal !== null || (!this.#started && (said !== null || this.#parts.tellsStart));
    if (this.#killed || this.#parts.meter.outOfMemory()) {
      const how = code === null || failed ? null : { ...NOTHING, ...endOfStatus(code) };
      return how?.signal === null
        ? { ...NOTHING, signal: "SIGKILL" }
        : (how ?? { ...NOTHING, signal: "SIGKILL" });
    }
    if (!failed && code !== null) return { ...NOTHING, ...endOfStatus(code) };
    if (this.#started) return { ...NOTHING, signal: signal ?? "SIGKILL" };
    const how = signal === null ? `status ${code}` : `signal ${signal}`;
    return {
      ...NOTHING,
      runtimeError: said ?? (complaint.trim() || `the container was not set up (${how})`),
    };
  }

  /** The last error of the runtime's log, which no guest can write to. */
  #runtimeComplaint(): string | null {
    let text: string;
    try {
      text = readFileSync(this.#parts.logFile, "utf8");
    } catch {
      return null;
    }
    const messages = text.split("\n").flatMap((line) => {
      try {
        const entry = JSON.parse(line) as { level?: unknown; msg?: unknown };
        return entry.level === "error" || entry.level === "fatal" ? [String(entry.msg)] : [];
      } catch {
        return [];
      }
    });
    return messages.at(-1) ?? null;
  }

  #killAll(): void {
    const { child, meter } = this.#parts;
    meter.kill();
    const isRunning = child.exitCode === null && child.signalCode === null;
    if (!isRunning || child.pid === undefined) return;
    if (meter.pids() === null) {
      for (const pid of listTree(child.pid)) {
        this.#dying.set(pid, startOf(pid));
        send(pid, "SIGKILL");
      }
    }
    // It sees by itself that its container has ended, and tidies up, if it got that far.
    setTimeout(
      () => {
        if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
          send(-child.pid, "SIGKILL");
      },
      this.#started ? RUNTIME_ENDS_MS : 0,
    ).unref();
  }

  /** Before there is any guest: all that it starts is in it too. */
  #enterCgroup(): void {
    const { cgroup, runtimeCgroup } = this.#parts;
    try {
      for (const file of cgroup?.procsFiles ?? []) {
        const pids = readPids(path.join(path.dirname(file), "..", runtimeCgroup));
        if (pids.length === 0) throw new Error("the runtime made no cgroup here");
        for (const pid of pids) writeControl(file, pid);
        this.#initPid = pids[0] ?? null;
      }
    } catch (error) {
      // Without limits it may not run.
      this.#refusal = `the container cannot be put into its cgroup: ${messageOf(error)}`;
      this.signal("kill");
    }
  }

  #askRuntimeToTerminate(): void {
    const { host } = this.#parts;
    const { program, flags } = host.runtime;
    const args = [...flags, "--root", host.records, "kill", "--all", this.id, "TERM"];
    spawn(program, args, { stdio: "ignore" }).on("error", () => {});
  }

  #isAnyDying(): boolean {
    return [...this.#dying].some(([pid, start]) => isSameAlive(pid, start));
  }

  #pids(): readonly number[] {
    const { child, meter } = this.#parts;
    return (
      meter.pids() ?? (child.pid === undefined ? [] : listTree(child.pid).filter((pid) => pid !== child.pid))
    );
  }
}

const NOTHING: Ending = { exitCode: null, signal: null, outOfMemory: false, runtimeError: null };
