import { didYouMean } from "../domain/closest.ts";
import { type ErrorCode, ERRORS, type Fault, WhiskersError } from "../errors.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `whiskers explain [CODE] [--json]

What an error code means, whose fault it is, whether trying again may help, and what to do.
Without a code: all of them.

  --json   one JSON document
`,
  options: { json: { type: "boolean" } },
  positionals: [0, 1],
  async run(args, { out }) {
    const [code] = args.positionals;
    if (code !== undefined && !isCode(code)) {
      throw new WhiskersError(
        "usage",
        `there is no error code ${JSON.stringify(code)}${didYouMean(code, Object.keys(ERRORS))}; \`whiskers explain\` lists them all`,
      );
    }
    const wanted = code === undefined ? Object.keys(ERRORS).filter(isCode) : [code];
    await out(
      flag(args, "json")
        ? `${JSON.stringify(Object.fromEntries(wanted.map((each) => [each, ERRORS[each]])), null, 2)}\n`
        : wanted.map(explanation).join("\n"),
    );
    return 0;
  },
};

function isCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

const WHOSE: Readonly<Record<Fault, string>> = {
  normalizer: "the normalizer's",
  operator: "the operator's, or whoever started it",
  upstream: "a service's that Whiskers depends on",
  platform: "Whiskers' own, or the machine's",
};

function explanation(code: ErrorCode): string {
  const { summary, fault, retryable, exitCode, remedy } = ERRORS[code];
  return [
    code,
    `  ${summary}`,
    `  fault       ${WHOSE[fault]}`,
    `  try again   ${retryable ? "may help" : "does not help by itself"}`,
    `  exit code   ${exitCode}`,
    `  what to do  ${remedy}`,
    "",
  ].join("\n");
}
