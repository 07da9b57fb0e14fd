import { formatMs } from "../domain/quantity.ts";
import { cut } from "./terminal/columns.ts";
import type { Terminal } from "./terminal/terminal.ts";

const BAR_COLUMNS = 30;
/** A terminal needs no more, and a slow one no less. */
const SHOW_MS = 100;

export interface ProgressBar {
  /** So many are done; `note` stands behind the figures. */
  advance(done: number, note: string): void;
  /** Writes a line above the bar; where there is no bar, the line alone. */
  print(line: string): void;
  /** Takes the bar away. Idempotent. */
  end(): void;
}

/**
 * Shows how far a work of `total` parts is: on a terminal only; elsewhere nothing but what is printed.
 * @param figure how a number of parts is written
 */
export function progressBar(
  total: number,
  terminal: Terminal,
  write: (text: string) => void,
  figure: (parts: number) => string = String,
): ProgressBar {
  const startedMs = performance.now();
  let shownMs = Number.NEGATIVE_INFINITY;
  let ended = false;
  let line = "";
  const show = (): void => {
    if (terminal.isTty && !ended && line !== "") write(`\r\u001b[2K${line}`);
  };
  return {
    advance(done, note) {
      const nowMs = performance.now();
      if (done < total && nowMs - shownMs < SHOW_MS) return;
      shownMs = nowMs;
      line = cut(
        `${bar(done / total)} ${figure(done)}/${figure(total)}  ${note}  ${left(done, nowMs - startedMs)}`,
        terminal.columns - 1,
      );
      show();
    },
    print(text) {
      write(terminal.isTty && !ended && line !== "" ? `\r\u001b[2K${text}\n` : `${text}\n`);
      show();
    },
    end() {
      if (terminal.isTty && !ended && line !== "") write("\r\u001b[2K");
      ended = true;
    },
  };

  function left(done: number, elapsedMs: number): string {
    if (done === 0 || done === total) return formatMs(elapsedMs);
    return `${formatMs((elapsedMs / done) * (total - done))} left`;
  }
}

/** Eighths of a column, so that it moves also when it moves slowly. */
function bar(share: number): string {
  const eighths = Math.round(Math.max(0, Math.min(1, share)) * BAR_COLUMNS * 8);
  const full = Math.floor(eighths / 8);
  const part = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8] ?? "";
  const rest = BAR_COLUMNS - full - (part === "" ? 0 : 1);
  return `${"█".repeat(full)}${part}${"░".repeat(rest)}`;
}
