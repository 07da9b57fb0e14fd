import { didYouMean } from "../domain/closest.ts";
import { WhiskersError } from "../errors.ts";
import type { Command } from "./command.ts";
import { COMMANDS } from "./commands.ts";

export const command: Command = {
  help: `whiskers help [COMMAND]

All commands, or all about one of them.
`,
  options: {},
  positionals: [0, 1],
  async run({ positionals: [name] }, { out }) {
    await out(name === undefined ? overview() : (await find(name).load()).command.help);
    return 0;
  },
};

/** @throws WhiskersError `usage` when there is no such command */
export function find(name: string): (typeof COMMANDS)[number] {
  const found = COMMANDS.find((row) => row.name === name);
  if (found !== undefined) return found;
  const names = COMMANDS.map((row) => row.name);
  throw new WhiskersError("usage", `there is no command ${JSON.stringify(name)}${didYouMean(name, names)}`);
}

export function overview(): string {
  const longest = Math.max(...COMMANDS.map(({ name }) => name.length));
  return [
    "Whiskers runs OpenKAT normalizers in sandboxes.",
    "",
    "whiskers COMMAND [ARGUMENTS]",
    "",
    ...COMMANDS.map(({ name, summary }) => `  ${name.padEnd(longest)}  ${summary}`),
    "",
    "`whiskers help COMMAND` or `whiskers COMMAND --help` says all about one.",
    "",
  ].join("\n");
}
