import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import type { Host } from "./host.ts";
import { privateView, systemView } from "../../view/view.ts";
import type { Entry, ViewParts } from "../../view/view.ts";

/** The whole view, with every source where the sandbox's user can reach it. */
export async function makeEntries(parts: ViewParts, host: Host): Promise<readonly Entry[]> {
  const entries = [
    // First: an interpreter may lie in /tmp.
    ...privateView(DEFAULT_LIMITS),
    ...systemView({ ...parts, extra: [...(parts.extra ?? []), ...host.variant.entries] }),
  ];
  return makeReachable(entries, host);
}

/** The same entries, whose sources the sandbox's user can reach now. */
export async function makeReachable(entries: readonly Entry[], host: Host): Promise<readonly Entry[]> {
  const needed = await host.variant.prepare(entries);
  const sources = entries.flatMap((entry) =>
    entry.kind === "read-only" || entry.kind === "writable" ? [entry.source] : [],
  );
  await host.stage.add([...sources, ...needed]);
  return entries;
}
