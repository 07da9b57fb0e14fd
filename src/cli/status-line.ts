import type { Context } from "./command.ts";
import type { Telling } from "./open-stages.ts";
import { cut } from "./terminal/columns.ts";
import { printable } from "./terminal/printable.ts";
import { warn } from "./warn.ts";

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

/** Warnings stay below each other, and what is being done is shown after them. */
export function tellingOf({ show, end }: StatusLine, context: Context): Telling {
  return {
    show,
    warn: (what) => {
      end();
      warn(context)(what);
    },
  };
}
