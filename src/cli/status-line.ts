import type { Context } from "./command.ts";
import { cut } from "./terminal/columns.ts";
import { printable } from "./terminal/printable.ts";

export interface StatusLine extends Disposable {
  /** In place of what stood there. */
  readonly show: (what: string) => void;
  /** Takes it away. Idempotent. */
  readonly end: () => void;
}

/** What is being done, on a terminal; elsewhere nothing. */
export function statusLine({ err, errTerminal: { isTty, columns } }: Context): StatusLine {
  const write = (text: string): void => {
    if (isTty) err(`\r\u001b[2K${text}`);
  };
  const end = (): void => {
    write("");
  };
  return {
    show: (what) => {
      write(cut(printable(what), columns - 1));
    },
    end,
    [Symbol.dispose]: end,
  };
}
