import type { History, HistoryDelivery, HistoryRun } from "../../db/sql/read-history.ts";
import { ERRORS, type ErrorCode } from "../../errors.ts";
import type { RunDocument } from "../../supervisor/stored-run.ts";
import { pad } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { wrap } from "../terminal/wrap.ts";
import { shownTimes } from "./run-sections.ts";
import { runReport } from "./run-report.ts";
import { storedRun } from "./stored-run.ts";

/** All that is known of a task, for people: its state, its delivery, and its runs, the last one first. */
export function historyReport(
  history: History,
  pending: readonly string[] | null,
  terminal: Terminal,
  full: boolean,
): string {
  const storeMs = history.runs.find(({ id }) => id === history.delivery?.runId)?.storeMs ?? null;
  const sections = [
    taskLines(history, terminal),
    history.delivery === null ? [] : deliveryLines(history.delivery, storeMs, pending, terminal),
    ...history.runs.toReversed().map((run) => runLines(run, history, terminal, full)),
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

const STATES: Readonly<Record<History["state"], string>> = {
  queued: "waits to be run",
  started: "is being run",
  delivering: "was run; its results are being delivered",
  succeeded: "succeeded",
  failed: "failed",
};

const ORIGINS = { mula: "OpenKAT's scheduler", bytes: "made here, for a raw file in Bytes" } as const;

function taskLines(
  { task, state, starts, queuedAt, settledAt, runs }: History,
  { paint }: Terminal,
): readonly string[] {
  const meta = task.rawData?.boefje_meta;
  const rows: readonly (readonly [string, string | null | undefined])[] = [
    ["Package", task.package],
    ["From", task.origin === undefined ? "the standalone queue" : ORIGINS[task.origin]],
    ["Raw file", task.raw],
    ["Of", meta === undefined ? null : `boefje ${meta.boefje.id}, run ${meta.id}, ended ${meta.ended_at}`],
    ["About", meta?.input_ooi],
    ["For", meta?.organization],
    ["Queued", queuedAt],
    ["Settled", settledAt],
    ["Begun", starts === 0 ? null : `${times(starts)} since it was queued`],
    ["Runs", runs.length === 0 ? "none yet" : String(runs.length)],
  ];
  return [
    `${paint("bold", `Task ${task.id}`)}: ${STATES[state]}`,
    ...rows.flatMap(([title, text]) => fact(title, text, paint)),
  ];
}

function fact(title: string, text: string | null | undefined, paint: Terminal["paint"]): readonly string[] {
  return text === null || text === undefined ? [] : [`  ${paint("dim", pad(title, 8))}  ${printable(text)}`];
}

function deliveryLines(
  delivery: HistoryDelivery,
  storeMs: number | null,
  pending: readonly string[] | null,
  { paint, columns }: Terminal,
): readonly string[] {
  const { state, attempts, code, message, steps } = delivery;
  const reason =
    code === null
      ? []
      : [...wrap(`  ${paint("red", code)}  `, printable(message ?? ""), columns), ...blame(code)];
  const open = state === "pending" ? (pending ?? []) : [];
  const nothing = state === "delivered" && steps.length === 0;
  const how =
    state === "pending"
      ? `under way, taken up ${times(attempts)}`
      : nothing
        ? "there was nothing to deliver"
        : state;
  const by = (worker: string | null): string =>
    worker === null ? "" : `  ${paint("dim", `by ${printable(worker)}`)}`;
  return [
    `${paint("bold", "Delivery")}  ${how}`,
    ...reason,
    ...steps.map(
      ({ step, doneAt, worker }) =>
        `  ${paint("green", "done   ")}  ${doneAt}  ${printable(step)}${by(worker)}`,
    ),
    ...fact("Times", timesOf(delivery, storeMs), paint),
    ...open.map((step) => `  ${paint("yellow", "pending")}  ${pad("", 24)}  ${printable(step)}`),
  ];
}

/** Null: it was stored before they were kept. */
function timesOf({ takeUpMs, deliverMs, settleMs }: HistoryDelivery, storeMs: number | null): string | null {
  if (storeMs === null) return null;
  return shownTimes([
    ["store", storeMs],
    ["takeUp", takeUpMs],
    ["deliver", deliverMs],
    ["settle", settleMs],
  ]);
}

function runLines(
  { id, finishedAt, normalizer, document, output }: HistoryRun,
  { task }: History,
  terminal: Terminal,
  full: boolean,
): readonly string[] {
  const stored = document as RunDocument;
  const by = stored.worker === undefined ? "" : `, by ${printable(stored.worker)}`;
  const heading = `${terminal.paint("bold", `Run ${id}`)}  began ${stored.startedAt}, ended ${finishedAt}${by}`;
  const run = storedRun(stored, output);
  if (run !== null) {
    const gone = output === null && run.outcome.status === "succeeded";
    const note = gone ? ["What it gave was delivered, and is not kept here."] : [];
    return [heading, ...note, runReport(task.raw, run, terminal, full, gone).trimEnd()];
  }
  const { outcome } = stored;
  if (outcome.status === "succeeded") return [heading];
  return [
    heading,
    `${printable(normalizer)}: never came to run`,
    ...wrap(`  ${terminal.paint("red", outcome.code)}  `, printable(outcome.message), terminal.columns),
    ...blame(outcome.code),
  ];
}

/** Whose fault it is and what to do. */
function blame(code: string): readonly string[] {
  if (!Object.hasOwn(ERRORS, code)) return [];
  const { summary, fault, remedy } = ERRORS[code as ErrorCode];
  return [`  ${summary} (${fault})`, `  ${remedy}`];
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
