import { readFileSync } from "node:fs";
import path from "node:path";

import { ATTACKS } from "./attacks.ts";
import type { AttackResult } from "./hostile-suite.ts";

/** One driver's part of docs/isolation.json. */
export interface IsolationReport {
  /** As the table's column is called: `subprocess (bubblewrap)`. */
  readonly driver: string;
  readonly version: string;
  readonly kernel: string;
  readonly protections: readonly string[];
  readonly results: readonly AttackResult[];
}

const DOCS = path.resolve(import.meta.dirname, "../../docs");
export const ISOLATION_JSON = path.join(DOCS, "isolation.json");
export const ISOLATION_MD = path.join(DOCS, "isolation.md");

export function readReports(): readonly IsolationReport[] {
  return JSON.parse(readFileSync(ISOLATION_JSON, "utf8"));
}

/** docs/isolation.md: which attack was tried against which driver, and what came of it. */
export function renderIsolation(reports: readonly IsolationReport[]): string {
  const lines = [
    "# Isolation",
    "",
    "Which attack was tried against which runtime, and whether it was held. Written by",
    "`node test/security/report.ts` from a run of `test/security/`; do not edit.",
    "",
    "**held**: every attempt was refused, the run ended with the right outcome within its limit and two",
    "seconds, it left no process, mount, cgroup or file behind, and a run beside it noticed nothing.",
    "**weaker**: the same, but that it got as far as is said below the table, which harms nobody outside of its sandbox.",
    "In brackets the state policies under which it was tried, when not `fresh` alone.",
    "",
    "With gVisor the runs may take five seconds over their limits. Every test run tries it with ten of the attacks",
    "(`test/security/tried-by-default.ts`); what stands here is of a run with `WHISKERS_TEST_ATTACKS=all`. What",
    "did not end in time, or slowed down the run beside it, because the machine was busy, was tried again.",
    "",
    "Machines are emulated, where everything takes some fifteen times as long: runs get twenty times the time that they get",
    "elsewhere, unless it is their time limit that has to end them, and may take five seconds over it. Under `fresh` a Python guest",
    "goes on from a snapshot, and its run is that of a forked child, as under `fork`. Every test run tries three of the attacks.",
    "",
    "`wasm` runs modules alone: what stands for it is of modules that try the same as far as WebAssembly has a way to, one",
    "after another, without a run beside each (`test/security/wasm-counterparts.ts` says which).",
    "",
    ...reports.map(describeReport),
    "",
    `| attack | ${reports.map((report) => report.driver).join(" | ")} |`,
    `|---|${"---|".repeat(reports.length)}`,
  ];
  let group = "";
  for (const attack of ATTACKS) {
    if (attack.group !== group) {
      group = attack.group;
      lines.push(`| **${group}** |${" |".repeat(reports.length)}`);
    }
    const cells = reports.map((report) => cell(report.results.filter((one) => one.attack === attack.name)));
    lines.push(`| ${attack.tries} | ${cells.join(" | ")} |`);
  }
  return `${lines.join("\n")}\n${footnotes(reports)}`;
}

/** Every attack under every of its state policies, `name state`. */
export function plannedRuns(): readonly string[] {
  return ATTACKS.flatMap((attack) => (attack.states ?? ["fresh"]).map((state) => `${attack.name} ${state}`));
}

/** As ATTACKS and its states are ordered, whatever ended first. */
export function inOrder(results: readonly AttackResult[]): readonly AttackResult[] {
  return ATTACKS.flatMap(({ name, states = ["fresh"] }) =>
    states.flatMap((state) => results.filter((one) => one.attack === name && one.state === state)),
  );
}

function describeReport({ driver, version, kernel, protections }: IsolationReport): string {
  return `- \`${driver}\`: ${version}, Linux ${kernel}. In force: ${protections.join(", ")}.`;
}

function cell(results: readonly AttackResult[]): string {
  const kinds = [...new Set(results.map((one) => one.result))];
  const states = results.map((one) => one.state);
  const bracket = states.length === 1 && states[0] === "fresh" ? "" : ` (${states.join(", ")})`;
  if (kinds.length === 1) return `${kinds[0]}${bracket}`;
  return results.map((one) => `${one.result} (${one.state})`).join(", ");
}

function footnotes(reports: readonly IsolationReport[]): string {
  const about = (title: string, wanted: AttackResult["result"]): string => {
    const notes = new Map<string, string[]>();
    for (const { driver, results } of reports) {
      for (const { attack, state, result, detail } of results) {
        if (result !== wanted) continue;
        const key = `\`${driver}\`: ${detail}`;
        notes.set(key, [...(notes.get(key) ?? []), `${attack} (${state})`]);
      }
    }
    const lines = [...notes].map(([key, attacks]) => `- ${key}: ${attacks.join(", ")}`);
    return lines.length === 0 ? "" : `\n${title}:\n\n${lines.join("\n")}\n`;
  };
  return `${about("Weaker", "weaker")}${about("Skipped", "skipped")}`;
}
