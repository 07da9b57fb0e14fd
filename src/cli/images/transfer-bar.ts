import { formatBytes } from "../../domain/quantity.ts";
import type { Context } from "../command.ts";
import { type ProgressBar, progressBar } from "../progress-bar.ts";

/** How far a transfer is, on a terminal. */
export interface TransferBar extends Disposable {
  /** Bytes that are there, of how many in all. */
  advance(done: number, total: number): void;
}

export function transferBar({ errTerminal, err }: Context, what: string): TransferBar {
  let bar: ProgressBar | null = null;
  return {
    advance(done, total) {
      bar ??= progressBar(total, errTerminal, err, formatBytes);
      bar.advance(done, what);
    },
    [Symbol.dispose]() {
      bar?.end();
    },
  };
}
