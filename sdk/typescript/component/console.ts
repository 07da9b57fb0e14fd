import { log } from "../log.ts";

/** As lines of the log. */
export const console = {
  debug: (...values: readonly unknown[]): void => {
    log.debug(values.map(shown).join(" "));
  },
  log: (...values: readonly unknown[]): void => {
    log.info(values.map(shown).join(" "));
  },
  info: (...values: readonly unknown[]): void => {
    log.info(values.map(shown).join(" "));
  },
  warn: (...values: readonly unknown[]): void => {
    log.warning(values.map(shown).join(" "));
  },
  error: (...values: readonly unknown[]): void => {
    log.error(values.map(shown).join(" "));
  },
};

function shown(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}
