import { WhiskersError } from "../errors.ts";
import { textOption } from "./arguments.ts";
import type { Arguments } from "./command.ts";

/** An option that takes a whole number of at least 1. @throws WhiskersError `usage` */
export function wholeNumber(args: Arguments, name: string, otherwise: number): number {
  const text = textOption(args, name);
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,8}$/u.test(text)) {
    throw new WhiskersError(
      "usage",
      `--${name} is ${JSON.stringify(text)}: expected a whole number of at least 1`,
    );
  }
  return Number(text);
}
