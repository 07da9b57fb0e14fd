import { WhiskersError } from "../../errors.ts";
import { textOption } from "../arguments.ts";
import type { Arguments } from "../command.ts";
import { wholeNumber } from "../whole-number.ts";

/** Which raw files of Bytes are meant, of those that a normalizer consumes. */
export interface RawSelection {
  /** Milliseconds of Unix time, of the end of the scan. */
  readonly sinceMs: number;
  readonly organisation: string | null;
  readonly limit: number;
}

export const RAW_SELECTION_OPTIONS = {
  since: { type: "string" },
  organisation: { type: "string" },
  limit: { type: "string" },
} as const;

export const RAW_SELECTION_HELP = `  --since T            only scans that ended at this time or later: 2026-01-31, or 2026-01-31T12:00:00Z
  --organisation CODE  only raw files of this organisation
  --limit N            at most so many, the newest`;

/** @throws WhiskersError `usage` */
export function readRawSelection(args: Arguments): RawSelection {
  const since = textOption(args, "since");
  const isTime =
    since === undefined ||
    /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/u.test(since);
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : Date.parse(since);
  if (!isTime || Number.isNaN(sinceMs)) {
    const message = `--since is ${JSON.stringify(since)}: expected a date, or a time with its zone such as 2026-01-31T12:00:00Z`;
    throw new WhiskersError("usage", message);
  }
  return {
    sinceMs,
    organisation: textOption(args, "organisation") ?? null,
    limit: wholeNumber(args, "limit", Number.POSITIVE_INFINITY),
  };
}
