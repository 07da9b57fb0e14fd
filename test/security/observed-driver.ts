import { closeSync, globSync, openSync, readdirSync } from "node:fs";
import type { Package } from "../../src/domain/package.ts";
import type { Driver, Prepared, Sandbox } from "../../src/sandbox/driver.ts";
import { describeProcess, listProcesses, pidNamespaceOf, readOrNull, withDescendants } from "./processes.ts";
import type { ProcessId } from "./processes.ts";

const LOOK_MS = 50;

/** A driver whose sandboxes are watched from outside, so that what they leave behind is found. */
export interface ObservedDriver extends Driver {
  readonly opened: readonly Watched[];
}

/** What was seen of one sandbox. */
export interface Watched {
  readonly id: string;
  /** The package's folder: in the arguments or environment of whoever handles it. */
  readonly folder: string;
  readonly processes: ReadonlyMap<number, ProcessId>;
  /** Descriptor by name: as long as a namespace is held open, no later one gets its name. */
  readonly pidNamespaces: ReadonlyMap<string, number>;
  readonly closed: boolean;
}

export function observe(driver: Driver): ObservedDriver {
  const opened: Watched[] = [];
  const preparing = new WeakMap<Package, Promise<Prepared>>();
  let turn: Promise<unknown> = Promise.resolve();
  /** One at a time: new children of ours are then this one's. */
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = turn.then(work);
    turn = result.catch(() => {});
    return result;
  };
  return {
    name: driver.name,
    // It may know more of them once it has tried.
    get capabilities() {
      return driver.capabilities;
    },
    opened,
    probe: () => driver.probe(),
    // It may compile the package, in a sandbox that is not among those that are opened. Who has done so does not wait.
    prepare: (pkg) => {
      let one = preparing.get(pkg);
      if (one === undefined) {
        one = inTurn(() => driver.prepare(pkg));
        preparing.set(pkg, one);
      }
      return one;
    },
    open: (prepared, request) =>
      inTurn(async () => {
        const before = new Set(listProcesses().map((one) => one.pid));
        const sandbox = await driver.open(prepared, request);
        const watched = watch(sandbox, prepared.pkg.folder, before);
        opened.push(watched.seen);
        return watched.sandbox;
      }),
  };
}

function watch(
  sandbox: Sandbox,
  folder: string,
  before: ReadonlySet<number>,
): { readonly sandbox: Sandbox; readonly seen: Watched } {
  const own = pidNamespaceOf("self");
  const roots = new Set(
    listProcesses()
      .filter((one) => one.parent === process.pid && !before.has(one.pid))
      .map((one) => one.pid),
  );
  const processes = new Map<number, ProcessId>();
  const pidNamespaces = new Map<string, number>();
  const seen = { id: sandbox.id, folder, processes, pidNamespaces, closed: false };
  const look = (): void => {
    for (const one of withDescendants(listProcesses(), roots)) {
      if (!processes.has(one.pid)) processes.set(one.pid, one);
      const namespace = pidNamespaceOf(one.pid);
      if (namespace === null || namespace === own || pidNamespaces.has(namespace)) continue;
      const descriptor = holdPidNamespace(one.pid, namespace);
      if (descriptor !== null) pidNamespaces.set(namespace, descriptor);
    }
  };
  look();
  const timer = setInterval(look, LOOK_MS);
  return {
    seen,
    sandbox: {
      id: sandbox.id,
      runtime: sandbox.runtime,
      protections: sandbox.protections,
      input: sandbox.input,
      output: sandbox.output,
      errors: sandbox.errors,
      ended: sandbox.ended,
      signal: (how) => {
        sandbox.signal(how);
      },
      usage: () => sandbox.usage(),
      close: async () => {
        await sandbox.close();
        clearInterval(timer);
        seen.closed = true;
      },
    },
  };
}

/** Call when a sandbox needs no more looking at. */
export function forget({ pidNamespaces }: Watched): void {
  for (const descriptor of pidNamespaces.values()) closeSync(descriptor);
}

/** What is left of a sandbox that was closed, in words. Empty: nothing. */
export function leftovers(watched: Watched): readonly string[] {
  const found: string[] = [];
  if (!watched.closed) found.push(`sandbox ${watched.id} was never closed`);
  for (const one of listProcesses()) {
    const known = watched.processes.get(one.pid)?.startedAt === one.startedAt;
    const inside = watched.pidNamespaces.has(pidNamespaceOf(one.pid) ?? "");
    const named = namesIt(one.pid, watched);
    // A zombie of ours is a child that nobody waited for; one of init's is init's matter.
    if ((known || inside || named) && !(one.zombie && one.parent === 1)) found.push(describeProcess(one.pid));
  }
  const mounts = (readOrNull("/proc/self/mountinfo") ?? "").split("\n");
  found.push(...mounts.filter((line) => line.includes(watched.id)).map((line) => `mount ${line}`));
  found.push(...globSync(`/sys/fs/cgroup/**/*${watched.id}*`).map((folder) => `cgroup ${folder}`));
  for (const place of ["/tmp", "/var/tmp", "/dev/shm", "/run", process.env["TMPDIR"] ?? "/tmp"]) {
    const names = readdirSync(place).filter((name) => name.includes(watched.id));
    found.push(...names.map((name) => `file ${place}/${name}`));
  }
  return found;
}

function holdPidNamespace(pid: number, wanted: string): number | null {
  let descriptor: number;
  try {
    descriptor = openSync(`/proc/${pid}/ns/pid`, "r");
  } catch {
    return null;
  }
  // The process may have given way to another one with its pid.
  if (pidNamespaceOf(pid) === wanted) return descriptor;
  closeSync(descriptor);
  return null;
}

function namesIt(pid: number, { id, folder }: Watched): boolean {
  const told = ["cgroup", "cmdline", "environ"].map((file) => readOrNull(`/proc/${pid}/${file}`) ?? "");
  return told.some((text) => text.includes(id) || text.includes(folder));
}
