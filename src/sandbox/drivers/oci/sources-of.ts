import type { Entry } from "../../view/view.ts";

/** What of the host a view shows. */
export function sourcesOf(entries: readonly Entry[]): readonly string[] {
  return entries.flatMap((entry) => (entry.kind === "read-only" ? [entry.source] : []));
}
