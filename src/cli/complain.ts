import { messageOf } from "../domain/unknown.ts";
import { type ErrorCode, ERRORS, WhiskersError } from "../errors.ts";
import type { Context } from "./command.ts";
import { printable, printableLines } from "./terminal/printable.ts";

/** An error as programs get it: what `--json` prints. */
export interface ErrorDocument {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fault: string;
  readonly retryable: boolean;
  readonly remedy: string;
}

/**
 * Shows what ended a command and returns the exit code: for people on standard error, or for programs on
 * standard output, beside what else the document of the command holds (`json`).
 */
export async function complain(error: unknown, json: object | null, context: Context): Promise<number> {
  const document = errorDocument(error);
  if (json !== null) await context.out(`${JSON.stringify({ ...json, error: document })}\n`);
  else context.err(forPeople(error, document, context));
  return ERRORS[document.code].exitCode;
}

export function errorDocument(error: unknown): ErrorDocument {
  const code = error instanceof WhiskersError ? error.code : "internal";
  const { fault, retryable, remedy } = ERRORS[code];
  return { code, message: messageOf(error), fault, retryable, remedy };
}

function forPeople(error: unknown, { code, message, remedy }: ErrorDocument, context: Context): string {
  const { paint } = context.errTerminal;
  const [first = "", ...more] = printableLines(message);
  const stack = code === "internal" && error instanceof Error ? framesOf(error) : [];
  return [
    `${paint("red", "error:")} ${first} ${paint("dim", `(${code})`)}`,
    ...more.map((line) => `  ${line}`),
    ...stack.map((line) => `  ${line}`),
    `  ${printable(remedy)}`,
    "",
  ].join("\n");
}

/** The lines of a stack below the message. */
function framesOf(error: Error): readonly string[] {
  return printableLines(error.stack ?? "").filter((line) => line.startsWith("    at "));
}
