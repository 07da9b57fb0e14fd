import type { History } from "../../db/sql/read-history.ts";
import type { Outcome } from "../../domain/outcome.ts";
import { type ErrorCode, ERRORS } from "../../errors.ts";
import type { RunDocument } from "../../supervisor/stored-run.ts";

/** All that is known of a task, for programs. `pending` is null when the settings do not say where results go. */
export function historyDocument(history: History, pending: readonly string[] | null): object {
  const { task, delivery, runs, ...rest } = history;
  return {
    task,
    ...rest,
    delivery: delivery === null ? null : { ...delivery, ...faultOf(delivery.code), pending },
    runs: runs.map(({ document, ...run }) => {
      const { outcome, task: _ofRun, ...stored } = document as RunDocument;
      return { ...run, outcome: outcomeDocument(outcome), ...stored };
    }),
  };
}

function outcomeDocument(outcome: Outcome): object {
  return outcome.status === "succeeded" ? outcome : { ...outcome, ...faultOf(outcome.code) };
}

function faultOf(code: string | null): object {
  if (code === null || !Object.hasOwn(ERRORS, code)) return {};
  const { fault, retryable, remedy } = ERRORS[code as ErrorCode];
  return { fault, retryable, remedy };
}
