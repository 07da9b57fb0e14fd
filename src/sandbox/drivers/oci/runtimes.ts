import { execFile } from "node:child_process";
import path from "node:path/posix";
import { promisify } from "node:util";

import { findAll } from "../../interpreters.ts";
import { withoutMembarrier } from "./without-membarrier.ts";

/** What runtimes do differently, beside what the OCI runtime specification says of their bundle. */
export type RuntimeKind = "runc" | "crun" | "runsc" | "kata";

/** An OCI runtime of this machine, by its command line. */
export interface Runtime {
  readonly kind: RuntimeKind;
  readonly program: string;
  /** `runc 1.1.5` */
  readonly version: string;
  /** gVisor's way of running a guest; null: it has no such choice. */
  readonly platform: string | null;
  /** Command line that its own follows, and that it starts more quickly under. */
  readonly under: readonly string[];
  /** Flags before its command. */
  readonly flags: readonly string[];
  /** It has a kernel of its own, or a machine: a hole of the host's kernel is not enough to get out. */
  readonly ownKernel: boolean;
  /** Its kernel gives a container's first process every signal that it is sent, as any other. */
  readonly signalsFirst: boolean;
  /** Each mount of a container costs it some 3 ms of a start: it gets a root that was put together before. */
  readonly wantsWholeRoot: boolean;
  /** It puts the container into a cgroup that it makes; else it runs in the sandbox's, as all that it starts. */
  readonly makesCgroup: boolean;
  /** Flags beside those for a guest that forks. */
  readonly forkFlags: readonly string[];
  /** It passes descriptor 3 on to the container when it is asked to. */
  readonly passesDescriptors: boolean;
  /** It can put the container into a user namespace that the bundle describes. */
  readonly userNamespace: boolean;
  /** Memory that it needs itself for each sandbox, which is not the guest's, bytes. */
  readonly ownMemoryBytes: number;
  /** Processes and threads of its own for each sandbox. */
  readonly ownProcesses: number;
}

/** By name of the program, the strongest isolation first: the order in which `auto` tries them. */
export const RUNTIME_NAMES = ["kata-runtime", "runsc", "crun", "runc"] as const;

export function isOciRuntime(name: string): boolean {
  return (RUNTIME_NAMES as readonly string[]).includes(name);
}

const MiB = 1024 * 1024;

/**
 * The runtime called `name`, a program or a path of one. Null: there is none.
 * @throws Error it does not say what it is, or has no such command line
 */
export async function findRuntime(name: string, searchPath: string): Promise<Runtime | null> {
  const [program] = path.isAbsolute(name)
    ? findAll(path.basename(name), path.dirname(name))
    : findAll(name, searchPath);
  if (program === undefined) return null;
  const kind = kindOf(path.basename(program));
  const { stdout } = await promisify(execFile)(program, ["--version"], { timeout: 10_000 });
  const number = /\d+(?:\.\d+)+(?:[+~-][\w.~+-]*)?/u.exec(stdout)?.[0] ?? "";
  const version = `${kind} ${number}`;
  switch (kind) {
    case "runc":
      return { ...CONTAINER, kind, program, version, makesCgroup: true };
    case "crun":
      return { ...CONTAINER, kind, program, version, flags: ["--cgroup-manager=disabled"], ownProcesses: 4 };
    case "runsc":
      return {
        ...CONTAINER,
        kind,
        program,
        version,
        ownKernel: true,
        under: withoutMembarrier(searchPath),
        signalsFirst: true,
        wantsWholeRoot: true,
        // Its own kernel answers the calls of guests; the few that it makes itself are filtered by it. What one run could leave
        // in that kernel for the next one, or do to the process that both are forked from, our list keeps from it.
        forkFlags: ["--oci-seccomp"],
        flags: ["--network=none", "--ignore-cgroups", "--file-access-mounts=exclusive"],
        passesDescriptors: false,
        userNamespace: false,
        ownMemoryBytes: 24 * MiB,
        ownProcesses: 512,
      };
    case "kata":
      if (Number.parseInt(number, 10) >= 2)
        throw new Error(
          `${version} cannot be started by its command line, which ended with version 1: use it by Docker's engine (docker:io.containerd.kata.v2)`,
        );
      return {
        ...CONTAINER,
        kind,
        program,
        version,
        ownKernel: true,
        passesDescriptors: false,
        userNamespace: false,
        ownMemoryBytes: 256 * MiB,
        ownProcesses: 64,
      };
  }
}

const CONTAINER = {
  platform: null,
  under: [],
  flags: [],
  forkFlags: [],
  ownKernel: false,
  signalsFirst: false,
  wantsWholeRoot: false,
  makesCgroup: false,
  passesDescriptors: true,
  userNamespace: true,
  ownMemoryBytes: 0,
  // Its init.
  ownProcesses: 1,
} as const;

function kindOf(name: string): RuntimeKind {
  if (name.includes("runsc")) return "runsc";
  if (name.includes("kata")) return "kata";
  return name.includes("crun") ? "crun" : "runc";
}
