import { pino, stdTimeFunctions } from "pino";

/** Ids by which a line is found; a line has those that it is about. */
export interface LogIds {
  readonly task?: string;
  readonly run?: string;
  readonly normalizer?: string;
  readonly organisation?: string;
}

export type LogFields = LogIds & Readonly<Record<string, unknown>>;

/** What a service says of its work, a line at a time. */
export interface Log {
  readonly debug: (message: string, fields?: LogFields) => void;
  readonly info: (message: string, fields?: LogFields) => void;
  readonly warn: (message: string, fields?: LogFields) => void;
  readonly error: (message: string, fields?: LogFields) => void;
}

/** A line that tells of no trouble is written after so long at most, together with others, milliseconds. */
const GATHER_MS = 100;
const GATHER_BYTES = 8 * 1024;

/**
 * One JSON object a line on standard error: `level` and `time` as text, `msg`, and the fields. Warnings and errors
 * are written at once, with what came before them.
 */
export function openJsonLog(level = "info"): Log & { flush(): void } {
  const target = pino.destination({ fd: 2, sync: true, minLength: GATHER_BYTES });
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    target.flush();
  };
  // It also waits for the disk, which costs a supervisor a twentieth of its time when done often.
  const finish = (): void => {
    flush();
    target.flushSync();
  };
  process.once("exit", finish);
  const logger = pino(
    {
      base: null,
      level,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    target,
  );
  const at =
    (name: "debug" | "info" | "warn" | "error") =>
    (message: string, fields: LogFields = {}): void => {
      logger[name](fields, message);
      if (name === "warn" || name === "error") flush();
      else timer ??= setTimeout(flush, GATHER_MS);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    flush: finish,
  };
}
