import { ATTACKS } from "./attacks.ts";
import type { AttackResult } from "./hostile-suite.ts";
import { inOrder } from "./isolation-table.ts";
import type { IsolationReport } from "./isolation-table.ts";

/** One report for each driver, of runs in the order in which they were made: what had failed counts as it ended later. */
export function mergeReports(reports: readonly IsolationReport[]): readonly IsolationReport[] {
  const merged = new Map<string, IsolationReport>();
  for (const report of reports) {
    const earlier = merged.get(report.driver)?.results ?? [];
    const results = new Map<string, AttackResult>();
    for (const one of [...earlier, ...report.results]) {
      const key = `${one.attack} ${one.state}`;
      if (results.get(key)?.result !== "held") results.set(key, one);
    }
    merged.set(report.driver, { ...report, results: inOrder([...results.values()]) });
  }
  return [...merged.values()];
}

/**
 * Which attacks have to be tried, or tried again, as WHISKERS_TEST_ATTACKS: `all`, `none`, or names by commas.
 * @param drivers that the suite is known to have
 */
export function untried(reports: readonly IsolationReport[], drivers: readonly string[]): string {
  const expected = new Set([...drivers, ...reports.map(({ driver }) => driver)]);
  const done = new Set(
    reports.flatMap(({ driver, results }) =>
      results
        .filter(({ result }) => result !== "failed")
        .map(({ attack, state }) => `${driver} ${attack} ${state}`),
    ),
  );
  const missing = ATTACKS.filter(({ name, states = ["fresh"] }) =>
    states.some((state) => [...expected].some((driver) => !done.has(`${driver} ${name} ${state}`))),
  ).map(({ name }) => name);
  if (expected.size === 0 || missing.length === ATTACKS.length) return "all";
  return missing.length === 0 ? "none" : missing.join(",");
}
