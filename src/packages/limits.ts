import { DEFAULT_LIMITS, type Limits } from "../domain/limits.ts";
import { formatBytes, formatMs, parseDurationMs, parseSizeBytes } from "../domain/quantity.ts";
import type { Complaint } from "./manifest-error.ts";

const MiB = 2 ** 20;
const GiB = 2 ** 30;

type Kind = "duration" | "size" | "count" | "number";

interface LimitKey {
  readonly field: keyof Limits;
  readonly kind: Kind;
  readonly least: number;
  /** What a package may ask for at most. Who needs more says so on the command line. */
  readonly most: number;
}

/** `limits` of normalizer.json: key, what it sets, and its bounds. */
export const LIMIT_KEYS: Readonly<Record<string, LimitKey>> = {
  time: { field: "wallMs", kind: "duration", least: 100, most: 3_600_000 },
  memory: { field: "memoryBytes", kind: "size", least: 16 * MiB, most: 16 * GiB },
  output: { field: "outputBytes", kind: "size", least: 1, most: 4 * GiB },
  records: { field: "records", kind: "count", least: 1, most: 10_000_000 },
  processes: { field: "processes", kind: "count", least: 1, most: 1024 },
  openFiles: { field: "openFiles", kind: "count", least: 16, most: 65_536 },
  tmp: { field: "tmpBytes", kind: "size", least: 0, most: 8 * GiB },
  log: { field: "logBytes", kind: "size", least: 0, most: DEFAULT_LIMITS.logFloodBytes },
  cpus: { field: "cpus", kind: "number", least: 0.1, most: 64 },
};

/** The value of one key of `limits`, checked. */
export function parseLimit(key: string, value: unknown, complain: Complaint): Partial<Limits> {
  const limit = LIMIT_KEYS[key];
  if (limit === undefined) throw complain(`limits.${key}`, value, "no such limit");
  const parsed = PARSERS[limit.kind](value);
  if (parsed === null || parsed < limit.least || parsed > limit.most) {
    throw complain(`limits.${key}`, value, expectation(limit));
  }
  return { [limit.field]: parsed };
}

const PARSERS: Readonly<Record<Kind, (value: unknown) => number | null>> = {
  duration: parseDurationMs,
  size: parseSizeBytes,
  count: (value) => (typeof value === "number" && Number.isSafeInteger(value) ? value : null),
  number: (value) => (typeof value === "number" && Number.isFinite(value) ? value : null),
};

function expectation({ kind, least, most }: LimitKey): string {
  switch (kind) {
    case "duration":
      return `a time such as "30s", or seconds, from ${formatMs(least)} to ${formatMs(most)}`;
    case "size":
      return `a size such as "256M", or bytes, from ${formatBytes(least)} to ${formatBytes(most)}`;
    case "count":
      return `a whole number from ${least} to ${most}`;
    case "number":
      return `a number from ${least} to ${most}`;
  }
}
