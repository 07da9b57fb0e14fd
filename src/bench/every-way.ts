import { messageOf } from "../domain/unknown.ts";
import type { Driver } from "../sandbox/driver.ts";
import { inProcessWays } from "./in-process-ways.ts";
import { dockerPerRun, pythonPerRun } from "./per-run-ways.ts";
import { sandboxWays } from "./sandbox-ways.ts";
import { BENCH_ROOT, type Subject } from "./subject.ts";
import type { Way } from "./way.ts";

/** More rows, of drivers that need a package or a set-up of their own. Closed when all is measured. */
export type MoreWays = (subject: Subject) => Promise<WaysThere>;

export interface WaysThere extends Partial<AsyncDisposable> {
  readonly ways: readonly Way[];
  readonly leftOut?: readonly LeftOut[];
}

export interface LeftOut {
  readonly runtime: string;
  /** In one line. */
  readonly reason: string;
}

export interface EveryWayOptions {
  /** Every way to make a sandbox here, those that do not work among them. */
  readonly drivers: readonly Driver[];
  /** The interpreter of guests, by its path. */
  readonly python: string;
  /** As DOCKER_HOST; null: the client's own choice. */
  readonly dockerHost: string | null;
  readonly more?: readonly MoreWays[];
}

/** Measured in more ways: they start quickly, and what differs there differs in the others. */
const WHOLE = new Set(["subprocess:bubblewrap", "subprocess:util-linux", "inline"]);

const LANGUAGES = ["python", "javascript"] as const;
const NO_ROOT = `it runs what is on a base root, and none was made here: whiskers root make ${BENCH_ROOT}`;

/** Every row that there can be here, and why others are not there. What people use today is always among them. */
export async function openEveryWay(
  subject: Subject,
  { drivers, python, dockerHost, more = [] }: EveryWayOptions,
): Promise<Required<WaysThere>> {
  await using undo = new AsyncDisposableStack();
  const ways: Way[] = [...inProcessWays(subject, python)];
  const leftOut: LeftOut[] = [];
  ways.push(pythonPerRun(subject, python, ways[0]?.version ?? ""));
  const docker = await dockerPerRun(subject, python, dockerHost);
  if (typeof docker === "string") leftOut.push({ runtime: "docker run", reason: docker });
  else ways.push(undo.use(docker).way);
  for (const driver of drivers) {
    const probe = await driver.probe();
    if (!probe.available) leftOut.push({ runtime: driver.name, reason: probe.reason });
    else if (!LANGUAGES.some((one) => driver.capabilities.guests.includes(one)))
      leftOut.push({ runtime: driver.name, reason: "it runs neither Python nor JavaScript" });
    // A driver may know only by trying what it can do here.
    else if (driver.capabilities.needsRoot === true && subject.pythonOnRoot === null)
      leftOut.push({ runtime: driver.name, reason: NO_ROOT });
    else ways.push(...sandboxWays(driver, probe.version, subject, WHOLE.has(driver.name)));
  }
  for (const open of more) {
    try {
      const there = await open(subject);
      ways.push(...there.ways);
      leftOut.push(...(there.leftOut ?? []));
      undo.defer(async () => there[Symbol.asyncDispose]?.());
    } catch (error) {
      leftOut.push({ runtime: open.name, reason: messageOf(error) });
    }
  }
  const all = undo.move();
  return { ways, leftOut: leftOut.map(inOneLine), [Symbol.asyncDispose]: () => all.disposeAsync() };
}

function inOneLine({ runtime, reason }: LeftOut): LeftOut {
  return { runtime, reason: reason.trim().replaceAll(/\s*\n\s*/gu, "; ") };
}
