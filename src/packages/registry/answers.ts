import { isObject } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { discard } from "../../http/http-service.ts";
import { type Answer, httpTrouble } from "./http-exchange.ts";

const REFUSAL_MOST_BYTES = 64 * 1024;
const QUOTE_LENGTH = 300;

/**
 * The body of an answer, whole.
 * @throws WhiskersError `registry-violation` when it is longer; `registry-unavailable` when it breaks off
 */
export async function wholeBody(
  answer: Answer,
  mostBytes: number,
  what: string,
  signal: AbortSignal,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of answer.body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > mostBytes) {
        throw new WhiskersError("registry-violation", `${what} answered with more than ${mostBytes} bytes`);
      }
      chunks.push(chunk);
    }
  } catch (error) {
    throw httpTrouble(error, what, signal);
  }
  return Buffer.concat(chunks);
}

/** @throws as `wholeBody`, and `registry-violation` for what is no JSON */
export async function jsonBody(
  answer: Answer,
  mostBytes: number,
  what: string,
  signal: AbortSignal,
): Promise<unknown> {
  const text = await wholeBody(answer, mostBytes, what, signal);
  try {
    return JSON.parse(text.toString("utf8"));
  } catch (cause) {
    throw new WhiskersError("registry-violation", `${what} answered with no JSON`, { cause });
  }
}

/**
 * Lets an answer with one of these statuses through. Of any other, the body is read for what the registry says.
 * @throws WhiskersError `registry-credentials` for 401; `registry-unavailable` for 408, 425, 429 and 5xx;
 * `registry-violation` for redirects that may not be followed; `registry-refused` for others
 */
export async function requireStatus(
  answer: Answer,
  wanted: readonly number[],
  what: string,
  signal: AbortSignal,
): Promise<void> {
  const { status } = answer;
  if (wanted.includes(status)) return;
  const said = await refusalText(answer, what, signal);
  const isTransient = status >= 500 || [408, 425, 429].includes(status);
  const code =
    status === 401
      ? "registry-credentials"
      : isTransient
        ? "registry-unavailable"
        : status >= 400
          ? "registry-refused"
          : "registry-violation";
  throw new WhiskersError(code, `${what}: ${status}${said === "" ? "" : `: ${said}`}`);
}

/** What the distribution specification has in bodies of errors, or the body's beginning. */
async function refusalText(answer: Answer, what: string, signal: AbortSignal): Promise<string> {
  let text: string;
  try {
    text = (await wholeBody(answer, REFUSAL_MOST_BYTES, what, signal)).toString("utf8");
  } catch (error) {
    discard(answer.body);
    if (error instanceof WhiskersError && error.code === "cancelled") throw error;
    return "";
  }
  const errors = parsedErrors(text);
  const clean = (errors === "" ? text : errors).replaceAll(/[\u0000-\u001f\u007f-\u009f]+/gu, " ").trim();
  return clean.length > QUOTE_LENGTH ? `${clean.slice(0, QUOTE_LENGTH)}…` : clean;
}

function parsedErrors(text: string): string {
  try {
    const document: unknown = JSON.parse(text);
    const errors = isObject(document) && Array.isArray(document["errors"]) ? document["errors"] : [];
    return errors
      .filter(isObject)
      .map(({ code, message }) => [code, message].filter((part) => typeof part === "string").join(": "))
      .join("; ");
  } catch {
    return "";
  }
}
