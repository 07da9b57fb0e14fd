import { parseArgs } from "node:util";

import { didYouMean } from "../domain/closest.ts";
import { codeOf, messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import type { Arguments, Command } from "./command.ts";

/**
 * Reads a command's arguments.
 * @throws WhiskersError `usage`, naming the argument
 */
export function parseArguments(name: string, command: Command, args: readonly string[]): Arguments {
  const options = { ...command.options, help: { type: "boolean", short: "h" } } as const;
  let parsed: Arguments;
  try {
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new WhiskersError("usage", complaint(name, args, Object.keys(options), cause), { cause });
  }
  if (parsed.values["help"] === true) return parsed;
  const [least, most] = command.positionals;
  const given = parsed.positionals.length;
  if (given < least || given > most) {
    const what =
      given < least
        ? "too few arguments"
        : `too many arguments, from ${JSON.stringify(parsed.positionals[most])} on`;
    throw new WhiskersError("usage", `whiskers ${name}: ${what}\n${usageLine(command)}`);
  }
  return parsed;
}

/** The first line of a command's help. */
function usageLine(command: Command): string {
  return command.help.split("\n", 1)[0] ?? "";
}

function complaint(
  name: string,
  args: readonly string[],
  options: readonly string[],
  cause: unknown,
): string {
  if (codeOf(cause) !== "ERR_PARSE_ARGS_UNKNOWN_OPTION") return `whiskers ${name}: ${messageOf(cause)}`;
  const known = options.map((option) => `--${option}`);
  const unknown = args.find((arg) => arg.startsWith("-") && !known.includes(arg.split("=", 1)[0] ?? ""));
  const option = unknown?.split("=", 1)[0] ?? "";
  return `whiskers ${name}: there is no option ${option}${didYouMean(option, known)}`;
}

/** An option that takes a text, or undefined when it was not given. */
export function textOption({ values }: Arguments, name: string): string | undefined {
  const value = values[name];
  return typeof value === "string" ? value : undefined;
}

/** An option that may be given several times. */
export function textsOption({ values }: Arguments, name: string): readonly string[] | undefined {
  const value = values[name];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : undefined;
}

export function flag({ values }: Arguments, name: string): boolean {
  return values[name] === true;
}
