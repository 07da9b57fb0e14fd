import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { messageOf } from "../../../domain/unknown.ts";
import type { Ending } from "../../driver.ts";
import { privateView } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import { within } from "../../within.ts";
import type { MicrovmHost } from "./host.ts";
import { openMachine } from "./open.ts";
import type { MicrovmSandbox } from "./sandbox.ts";
import { Tail } from "./tail.ts";

/** What a trivial guest found of its machine. */
export interface Facts {
  /** Lines of /proc/self/status, by name. */
  readonly status: ReadonlyMap<string, string>;
  readonly interfaces: readonly string[];
  readonly rootIsReadOnly: boolean;
  readonly tmpIsPrivate: boolean;
}

export type Probed =
  | { readonly works: true; readonly facts: Facts }
  | { readonly works: false; readonly reason: string; readonly failed: FailedAt };

/**
 * `time`: the machine was started, and its guest was not there by the deadline; `guest`: it was, and did not do what a guest
 * does. `monitor`: everything else.
 */
export type FailedAt = "time" | "guest" | "monitor";

const OUTPUT_MAX_CHARS = 64 * 1024;
/** From the deadline of a boot until what is known of its end: else a machine that never came would be said to have booted. */
const TOLD_MS = 5000;
const SCRIPT = `
while read -r line; do echo "status $line"; done </proc/self/status
while read -r line; do echo "net $line"; done </proc/net/dev
while read -r line; do echo "mount $line"; done </proc/self/mounts
(: >/whiskers-probe) 2>/dev/null && echo "root writable"
(: >/tmp/whiskers-probe) 2>/dev/null && echo "tmp writable"
echo end
`;

/** The shell of the initramfs is all that it needs: no disk. */
const ENTRIES: readonly Entry[] = [
  ...privateView(DEFAULT_LIMITS),
  { kind: "read-only", source: "/bin/busybox", target: "/bin/sh", isFile: true },
  { kind: "proc", target: "/proc" },
];

/** Boots a machine with a trivial guest, with a deadline, and looks at what that can see. Never throws. */
export async function probeMachine(host: MicrovmHost, deadlineMs: number): Promise<Probed> {
  try {
    const sandbox = await openMachine(
      {
        entries: ENTRIES,
        disks: { files: [], placeOf: (source) => source },
        command: { argv: ["/bin/sh", "-c", SCRIPT], env: { PATH: "/bin" } },
        relayed: false,
      },
      { limits: { ...DEFAULT_LIMITS, startMs: deadlineMs }, files: [] },
      host,
    );
    try {
      const said = new Tail(sandbox.output, OUTPUT_MAX_CHARS);
      const complaint = new Tail(sandbox.errors, OUTPUT_MAX_CHARS);
      const ending = await within(deadlineMs + TOLD_MS, sandbox.ended, null);
      if (said.text.trimEnd().endsWith("end")) return { works: true, facts: collect(said.text) };
      const why = ending?.runtimeError ?? "a machine booted, and a trivial guest did not work in it";
      const reason = [why, complaint.text.trim()].filter(Boolean).join(": ");
      return { works: false, reason, failed: failedAt(sandbox, ending) };
    } finally {
      await sandbox.close();
    }
  } catch (error) {
    return { works: false, reason: messageOf(error), failed: "monitor" };
  }
}

function failedAt({ bootTimedOut }: MicrovmSandbox, ending: Ending | null): FailedAt {
  if (bootTimedOut) return "time";
  return (ending?.runtimeError ?? null) === null ? "guest" : "monitor";
}

function collect(said: string): Facts {
  const lines = said.split("\n");
  const about = (topic: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${topic} `)).map((line) => line.slice(topic.length + 1));
  const pairs = about("status").map((line): [string, string] => {
    const [name = "", value = ""] = line.split(/:\s*/u, 2);
    return [name, value];
  });
  return {
    status: new Map(pairs),
    interfaces: about("net").flatMap((line) => /^(\S+):/u.exec(line)?.[1] ?? []),
    rootIsReadOnly: !lines.includes("root writable"),
    tmpIsPrivate:
      lines.includes("tmp writable") && about("mount").some((line) => /^\S+ \/tmp tmpfs rw/u.test(line)),
  };
}
