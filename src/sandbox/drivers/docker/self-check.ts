import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { release } from "node:os";
import path from "node:path/posix";

import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { isObject, messageOf } from "../../../domain/unknown.ts";
import { findContainerCgroups } from "../../cgroup/find-container-cgroups.ts";
import type { ContainerCgroups } from "../../cgroup/find-container-cgroups.ts";
import { readUntilEnd } from "../../view/self-check.ts";
import { INSIDE, readOnly } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import { copiedFilesystem, programWithLibraries } from "./copied-filesystem.ts";
import type { Host } from "./host.ts";
import { isInit } from "./init.ts";
import { launchSandbox } from "./open.ts";
import type { Filesystem } from "./open.ts";
import { stateOf } from "./sandbox.ts";
import type { DockerSandbox } from "./sandbox.ts";
import { findShell, initEntry, makeEntries, viewFilesystem } from "./view-filesystem.ts";

/** What a trivial guest found of its sandbox, and what we saw of it from outside. */
export interface Facts {
  /** Lines of /proc/self/status, by name. */
  readonly status: ReadonlyMap<string, string>;
  /** Namespaces that are not ours: `mnt`, `pid`, ...; null: we cannot see its processes. */
  readonly namespaces: ReadonlySet<string> | null;
  readonly uid: number | null;
  readonly interfaces: readonly string[];
  readonly rootIsReadOnly: boolean;
  readonly tmpIsPrivate: boolean;
  /** Of `files` (their size) and `descriptors`, as the shell tells them. */
  readonly limits: ReadonlyMap<string, string>;
  /** It runs on the kernel of this machine. */
  readonly sharesKernel: boolean;
  readonly cgroups: ContainerCgroups | null;
}

export type SelfCheck =
  | { readonly works: true; readonly facts: Facts }
  | { readonly works: false; readonly reason: string };

const DEADLINE_MS = 20_000;
const NAMESPACES = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

/** Only what the shell can do by itself: no other program is there. It waits, so that it can be looked at. */
const SCRIPT = `
show() { while read -r line; do echo "$1 $line"; done <"$2"; }
show given /whiskers/meta.json
show status /proc/self/status
echo "limits files $(ulimit -f)"
echo "limits descriptors $(ulimit -n)"
show net /proc/net/dev
show mount /proc/self/mounts
show kernel /proc/sys/kernel/osrelease
(: >/whiskers-probe) 2>/dev/null && echo "root writable"
(: >/tmp/whiskers-probe) 2>/dev/null && echo "tmp writable"
echo "end"
read -r _
`;

/** Runs a trivial guest in a real container, with a deadline, and looks at what it can see. Never throws. */
export async function selfCheck(host: Host): Promise<SelfCheck> {
  let sandbox: DockerSandbox | null = null;
  try {
    const command = { argv: [SHELL, "-c", SCRIPT], env: { PATH: "/usr/bin:/bin" } };
    const limits = { ...DEFAULT_LIMITS, startMs: DEADLINE_MS };
    const filesystem = await shellFilesystem(host);
    // It is new: a folder of the same name on the engine's own machine has no such file.
    const given = randomUUID();
    const files = [{ name: "meta.json", content: Buffer.from(`${given}\n`) }];
    sandbox = await launchSandbox(filesystem, command, { limits, files }, host);
    const said = await readUntilEnd(sandbox, once(sandbox.output, "end"), DEADLINE_MS);
    if (said === null) return { works: false, reason: await whyItEnded(sandbox) };
    if (!said.includes(`given ${given}\n`)) return { works: false, reason: "a guest does not see its files" };
    const other = await otherRuntime(sandbox, host);
    if (other !== null)
      return {
        works: false,
        reason: `a container was to have the runtime ${host.runtime}, and got ${other}`,
      };
    const seen = await outside(sandbox, host);
    if (seen === null && !host.limits.has("memory"))
      return { works: false, reason: "it limits no memory, and what it runs cannot be seen from here" };
    return { works: true, facts: collect(said, seen) };
  } catch (error) {
    return { works: false, reason: messageOf(error) };
  } finally {
    await sandbox?.close();
  }
}

/** Inside. */
const SHELL = `${INSIDE.bin}/sh`;

/** Only a shell and its libraries. */
async function shellFilesystem(host: Host): Promise<Filesystem> {
  if (!host.sharesFiles) return copiedFilesystem(await copiedShell(host), host);
  const entries = await makeEntries(
    {
      etc: host.etcFolder,
      rootFolder: null,
      packageFolder: host.etcFolder,
      sdkFolder: host.sdkFolder,
      dependenciesFolder: null,
      needs: [],
      programs: false,
      extra: [readOnly(findShell("/"), SHELL)],
    },
    host,
  );
  return viewFilesystem(entries, host);
}

async function copiedShell(host: Host): Promise<readonly Entry[]> {
  const shell = findShell("/");
  return [
    readOnly(host.etcFolder, "/etc"),
    ...programWithLibraries(shell, SHELL),
    await initEntry(shell, host),
    // What containers start in.
    readOnly(host.etcFolder, INSIDE.package),
  ];
}

async function whyItEnded(sandbox: DockerSandbox): Promise<string> {
  sandbox.signal("kill");
  const { runtimeError, exitCode, signal } = await sandbox.ended;
  return runtimeError ?? `a trivial guest did not work (${signal ?? `status ${exitCode}`})`;
}

/** Podman passes over what Docker's API says of it, and uses its own. Null: it is the one that was asked for. */
async function otherRuntime(
  { container }: DockerSandbox,
  { engine, isPodman, runtime }: Host,
): Promise<string | null> {
  if (!isPodman || runtime === null) return null;
  const answer = await engine.ask("GET", `/libpod/containers/${container}/json`);
  const used = isObject(answer) ? String(answer["OCIRuntime"]) : "";
  return path.basename(used) === runtime ? null : used;
}

/** What we can see of it from outside. */
interface Outside {
  readonly pid: number;
  /** Null: it is in none of its own. */
  readonly cgroups: ContainerCgroups | null;
}

async function outside({ container }: DockerSandbox, { engine }: Host): Promise<Outside | null> {
  const pid = Number((await stateOf(engine, container))?.["Pid"] ?? 0);
  const cgroups = pid === 0 ? null : findContainerCgroups(pid, container);
  // A number of another machine is another process here, or none.
  return cgroups === null && !isInit(pid) ? null : { pid, cgroups };
}

function collect(said: string, seen: Outside | null): Facts {
  const lines = said.split("\n");
  const about = (topic: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${topic} `)).map((line) => line.slice(topic.length + 1));
  const status = new Map(about("status").map((line) => splitAt(line, /:\s*/u)));
  const differing =
    seen === null
      ? null
      : NAMESPACES.filter((name) => namespaceOf(seen.pid, name) !== namespaceOf("self", name));
  return {
    status,
    limits: new Map(about("limits").map((line) => splitAt(line, " "))),
    namespaces: differing === null ? null : new Set(differing),
    uid: Number(status.get("Uid")?.split(/\s/u)[0] ?? Number.NaN),
    interfaces: about("net").flatMap((line) => /^(\S+):/u.exec(line)?.[1] ?? []),
    rootIsReadOnly: !lines.includes("root writable"),
    tmpIsPrivate:
      lines.includes("tmp writable") && about("mount").some((line) => / \/tmp tmpfs rw/u.test(line)),
    sharesKernel: about("kernel")[0] === release(),
    cgroups: seen?.cgroups ?? null,
  };
}

function splitAt(line: string, separator: RegExp | string): [string, string] {
  const [name = "", value = ""] = line.split(separator, 2);
  return [name, value];
}

function namespaceOf(pid: number | "self", name: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/ns/${name}`);
  } catch {
    return null;
  }
}
