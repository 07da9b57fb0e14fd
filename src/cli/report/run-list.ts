import type { ListedRun } from "../../db/sql/list-runs.ts";
import { formatMs } from "../../domain/quantity.ts";
import type { RunDocument } from "../../supervisor/stored-run.ts";
import { cut, pad } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** Digits of an id that a list shows: enough to tell a million of them apart, nearly always. */
const ID_DIGITS = 13;

/** One run as a list shows it: when, which, what became of it; below that, why it failed. */
export function listedRunLines(listed: ListedRun, { paint, columns }: Terminal): readonly string[] {
  const { id, normalizer, status, code, finishedAt, taskState } = listed;
  const { startedAt, endedAt } = listed.document as RunDocument;
  const took = formatMs(Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)));
  const what = status === "succeeded" ? paint("green", "succeeded") : paint("red", pad(code ?? "failed", 9));
  // A run may be followed by others, and is not always the end of its task.
  const since = taskState === status ? "" : paint("yellow", `  (task now ${taskState})`);
  const first = `${id.slice(0, ID_DIGITS)}  ${finishedAt.slice(0, 19)}Z  ${paint("bold", printable(normalizer))}  ${what}  ${took}${since}`;
  const reason = reasonOf(listed);
  return reason === null ? [first] : [first, `  ${paint("dim", cut(printable(reason), columns - 2))}`];
}

/** One run as a program gets it in a list. */
export function listedRunDocument(listed: ListedRun): object {
  const { id, taskId, normalizer, status, code, taskState, finishedAt } = listed;
  const { task, startedAt, starts } = listed.document as RunDocument;
  const organisation = task.rawData?.boefje_meta.organization ?? null;
  return {
    run: id,
    task: taskId,
    normalizer,
    raw: task.raw,
    organisation,
    status,
    code,
    message: reasonOf(listed),
    taskState,
    starts,
    startedAt,
    finishedAt,
  };
}

/** A delivery that failed makes a run failed, whatever its own outcome was. */
function reasonOf({ document, deliveryMessage }: ListedRun): string | null {
  const { outcome } = document as RunDocument;
  return deliveryMessage ?? (outcome.status === "failed" ? outcome.message : null);
}
