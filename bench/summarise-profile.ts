import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";

const SHOWN = 20;
/** The event loop waits. */
const IDLE = "(idle)";

interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileSummary {
  /** By the time that was spent in themselves: name, file and line, percent of the time in which anything was done. */
  readonly functions: readonly { readonly what: string; readonly percent: number }[];
}

/** What a process did, from what `node --cpu-prof` wrote of it into a folder: the largest profile there. */
export function summariseProfile(folder: string): ProfileSummary {
  const texts = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), "utf8"));
  const [largest] = texts.toSorted((a, b) => b.length - a.length);
  if (largest === undefined) throw new Error(`no profile in ${folder}`);
  const { nodes, samples, timeDeltas } = JSON.parse(largest) as Profile;
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const spent = new Map<string, number>();
  for (const [index, id] of samples.entries()) {
    const name = names.get(id) ?? "";
    spent.set(name, (spent.get(name) ?? 0) + (timeDeltas[index] ?? 0));
  }
  spent.delete(IDLE);
  const busy = [...spent.values()].reduce((sum, us) => sum + us, 0);
  const functions = [...spent]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([what, us]) => ({ what, percent: Number(((us / busy) * 100).toFixed(1)) }));
  return { functions };
}

function nameOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(nameless)" : functionName;
  if (url === "") return name;
  const file = url.replace(/^.*\/(?=(?:src|sdk|node_modules)\/)/u, "");
  return `${name} ${file}:${lineNumber + 1}`;
}
