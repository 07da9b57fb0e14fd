import type { Context } from "./command.ts";
import { printable } from "./terminal/printable.ts";

/** Shows what is no reason to fail, on standard error. */
export function warn({ err, errTerminal: { paint } }: Context): (what: string) => void {
  return (what) => {
    err(`${paint("yellow", "warning:")} ${printable(what)}\n`);
  };
}
