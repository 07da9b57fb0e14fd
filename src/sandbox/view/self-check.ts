import { readFileSync, readlinkSync, realpathSync } from "node:fs";

import { messageOf } from "../../domain/unknown.ts";
import type { Sandbox } from "../driver.ts";
import { readOnly } from "./view.ts";
import type { LaunchCommand, ViewHost } from "./view-host.ts";
import type { Entry } from "./view.ts";

/** What a trivial guest found of its sandbox, and what we saw of it from outside. */
export interface Facts {
  /** Lines of /proc/self/status, by name. */
  readonly status: ReadonlyMap<string, string>;
  /** Namespaces that are not ours: `user`, `mnt`, ... */
  readonly namespaces: ReadonlySet<string>;
  /** Its user as this process sees it. */
  readonly uid: number | null;
  readonly interfaces: readonly string[];
  readonly rootIsReadOnly: boolean;
  readonly tmpIsPrivate: boolean;
  /** Soft limits of /proc/self/limits, by name. */
  readonly limits: ReadonlyMap<string, string>;
}

type CheckedHost = Pick<ViewHost, "etcFolder" | "sdkFolder" | "makeEntries"> & {
  launch(entries: readonly Entry[], command: LaunchCommand): Promise<CheckedSandbox>;
};

/** A sandbox that tells which processes of this machine are its guest's. */
type CheckedSandbox = Sandbox & { processes(): readonly number[] };

export type SelfCheck =
  | { readonly works: true; readonly facts: Facts }
  | { readonly works: false; readonly reason: string };

const DEADLINE_MS = 10_000;
const NAMESPACES = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

/** Only what the shell can do by itself: no other program is there. It waits, so that it can be looked at. */
const SCRIPT = `
show() { while read -r line; do echo "$1 $line"; done <"$2"; }
show status /proc/self/status
show limits /proc/self/limits
show net /proc/net/dev
show mount /proc/self/mounts
(: >/whiskers-probe) 2>/dev/null && echo "root writable"
(: >/tmp/whiskers-probe) 2>/dev/null && echo "tmp writable"
echo "end"
read -r _
`;

/** Runs a trivial guest in a real sandbox, with a deadline, and looks at what it can see. Never throws. */
export async function selfCheck(host: CheckedHost, deadlineMs = DEADLINE_MS): Promise<SelfCheck> {
  let sandbox: CheckedSandbox | null = null;
  try {
    const shell = realpathSync("/bin/sh");
    const parts = {
      rootFolder: null,
      etc: host.etcFolder,
      packageFolder: host.etcFolder,
      sdkFolder: host.sdkFolder,
      dependenciesFolder: null,
      needs: [],
      programs: false,
      extra: [readOnly(shell, shell)],
    };
    const entries = await host.makeEntries(parts);
    const command = { argv: [shell, "-c", SCRIPT], env: { PATH: "/usr/bin:/bin" } };
    sandbox = await host.launch(entries, command);
    const said = await readUntilEnd(sandbox, sandbox.ended, deadlineMs);
    if (said === null) return { works: false, reason: await whyItEnded(sandbox) };
    return { works: true, facts: collect(said, sandbox) };
  } catch (error) {
    return { works: false, reason: messageOf(error) };
  } finally {
    await sandbox?.close();
  }
}

/** What the guest printed, once its last line is `end`; null: it was over before, or took too long. */
export function readUntilEnd(
  { output, errors }: Pick<Sandbox, "output" | "errors">,
  over: Promise<unknown>,
  deadlineMs: number,
): Promise<string | null> {
  return new Promise((resolve) => {
    let said = "";
    const timer = setTimeout(() => {
      resolve(null);
    }, deadlineMs);
    const finish = (result: string | null): void => {
      clearTimeout(timer);
      resolve(result);
    };
    errors.resume();
    output.on("data", (chunk: Buffer) => {
      said += chunk.toString("latin1");
      if (said.endsWith("end\n")) finish(said);
    });
    const end = (): void => {
      finish(null);
    };
    void over.then(end, end);
  });
}

async function whyItEnded(sandbox: CheckedSandbox): Promise<string> {
  sandbox.signal("kill");
  const { runtimeError, exitCode, signal } = await sandbox.ended;
  return runtimeError ?? `a trivial guest did not work (${signal ?? `status ${exitCode}`})`;
}

function collect(said: string, sandbox: CheckedSandbox): Facts {
  const [pid = 0] = sandbox.processes();
  const lines = said.split("\n");
  const about = (topic: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${topic} `)).map((line) => line.slice(topic.length + 1));
  return {
    status: new Map(about("status").map((line) => splitAt(line, /:\s*/u))),
    limits: new Map(about("limits").map((line) => splitAt(line, /\s{2,}/u))),
    namespaces: new Set(NAMESPACES.filter((name) => namespaceOf(pid, name) !== namespaceOf("self", name))),
    uid: uidOf(pid),
    interfaces: about("net").flatMap((line) => /^(\S+):/u.exec(line)?.[1] ?? []),
    rootIsReadOnly: !lines.includes("root writable"),
    tmpIsPrivate:
      lines.includes("tmp writable") && about("mount").some((line) => /^\S+ \/tmp tmpfs rw/u.test(line)),
  };
}

function splitAt(line: string, separator: RegExp): [string, string] {
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

function uidOf(pid: number): number | null {
  try {
    const found = /^Uid:\s+(\d+)/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}
