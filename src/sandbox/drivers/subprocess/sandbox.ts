import type { ChildProcess } from "node:child_process";
import type { Readable, Writable } from "node:stream";

import type { Protection, Usage } from "../../../domain/outcome.ts";
import type { Ending, Sandbox } from "../../driver.ts";
import { FD } from "./launch.ts";
import type { Meter } from "../meter.ts";
import { isAlive, isSameAlive, listTree, startOf } from "../process-tree.ts";
import { Head } from "../head.ts";
import { endOfStatus, send } from "../signals.ts";
import { untilGone } from "../until-gone.ts";
import { watchStatus } from "./status.ts";

/** What is kept of standard error, in case it is not the guest's but a complaint of the launching programs. */
const COMPLAINT_MAX_BYTES = 4096;

export interface SandboxParts {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly child: ChildProcess;
  readonly meter: Meter;
  /** Called once, when all is over. */
  readonly release: () => Promise<void>;
}

/** A sandbox whose init is a child, by whatever launching programs, of this process. */
export class SubprocessSandbox implements Sandbox {
  readonly id: string;
  readonly runtime: Sandbox["runtime"];
  readonly protections: readonly Protection[];
  readonly input: Writable;
  readonly output: Readable;
  readonly errors: Readable;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #meter: Meter;
  readonly #release: () => Promise<void>;
  #init: { readonly pid: number; readonly start: string | null } | null = null;
  #killed = false;
  #closed: Promise<void> | null = null;

  constructor(parts: SandboxParts) {
    const { child } = parts;
    const status = child.stdio[FD.status];
    if (child.stdin === null || child.stdout === null || child.stderr === null) throw new Error("no streams");
    this.id = parts.id;
    this.runtime = parts.runtime;
    this.protections = parts.protections;
    this.#child = child;
    this.#meter = parts.meter;
    this.#release = parts.release;
    this.input = child.stdin;
    this.input.on("error", () => {});
    this.output = child.stdout;
    const complaint = new Head(COMPLAINT_MAX_BYTES);
    this.errors = child.stderr.pipe(complaint);
    const watched = watchStatus(status as Readable, (pid) => {
      this.#init = { pid, start: startOf(pid) };
      this.#meter.start(pid, () => {
        this.signal("kill");
      });
    });
    this.ended = this.#end(watched, complaint);
  }

  signal(how: "terminate" | "kill"): void {
    if (how === "kill") {
      this.#killed = true;
      this.#killAll();
      return;
    }
    // Not to the launching programs and the init: they would take the rest with them, unasked.
    for (const pid of this.processes()) send(pid, "SIGTERM");
  }

  /** What runs in it now, without the launching programs and the init. */
  processes(): readonly number[] {
    const launchers = [this.#child.pid, this.#init?.pid];
    return this.#pids().filter((pid) => !launchers.includes(pid));
  }

  usage(): Promise<Usage> {
    return Promise.resolve(this.#meter.usage());
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
    this.#child.stderr?.destroy();
    this.errors.destroy();
    await this.#release();
  }

  async #end(watched: ReturnType<typeof watchStatus>, complaint: Head): Promise<Ending> {
    const ending = await new Promise<Ending>((resolve) => {
      this.#child.once("error", (error) => {
        resolve({ exitCode: null, signal: null, outOfMemory: false, runtimeError: error.message });
      });
      this.#child.once("exit", (code, signal) => {
        // What they wrote before they ended is still in the pipe.
        const judge = async (): Promise<void> => {
          await watched.end;
          const { started, exitCode } = watched.current();
          resolve(this.#judge(started ? exitCode : null, code, signal, complaint.text));
        };
        void judge();
      });
    });
    await untilGone(
      () => this.#livingProcesses().length > 0,
      () => {
        this.#killAll();
      },
    );
    this.#meter.stop();
    return { ...ending, outOfMemory: this.#meter.outOfMemory() };
  }

  #judge(guestCode: number | null, code: number | null, signal: string | null, complaint: string): Ending {
    const ending = { exitCode: null, signal: null, outOfMemory: false, runtimeError: null };
    if (guestCode !== null) return { ...ending, ...endOfStatus(guestCode) };
    if (this.#killed || this.#meter.outOfMemory() || (signal !== null && this.#init !== null))
      return { ...ending, signal: signal ?? "SIGKILL" };
    const how = signal === null ? `status ${code}` : `signal ${signal}`;
    return { ...ending, runtimeError: complaint.trim() || `the sandbox was not set up (${how})` };
  }

  #killAll(): void {
    // The end of its init is the end of a pid namespace: nothing in it can escape that.
    if (this.#init !== null && startOf(this.#init.pid) === this.#init.start) send(this.#init.pid, "SIGKILL");
    // Its own group holds what the launching programs started before the init was known.
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      send(-this.#child.pid, "SIGKILL");
    }
    this.#meter.kill();
  }

  #pids(): readonly number[] {
    return this.#meter.pids() ?? (this.#init === null ? [] : listTree(this.#init.pid));
  }

  #livingProcesses(): readonly number[] {
    const init = this.#init;
    // An init that has ended, waited for or not, has outlived all others.
    const tree = init !== null && isSameAlive(init.pid, init.start) ? [init.pid] : [];
    return [...tree, ...(this.#meter.pids() ?? []).filter(isAlive)];
  }
}
