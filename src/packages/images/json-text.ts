import { isObject, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";

/** Of what is nested deeper no manifest is made, and a reader may end by it. */
const MOST_DEPTH = 64;

/**
 * A JSON object of an image.
 * @param shownAs as errors call it
 * @throws WhiskersError `image-invalid`
 */
export function parseJsonText(text: Uint8Array, shownAs: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(text);
    if (isTooDeep(json)) throw new Error(`it is nested deeper than ${MOST_DEPTH}`);
    value = JSON.parse(json);
  } catch (cause) {
    throw new WhiskersError("image-invalid", `${shownAs} is no JSON: ${messageOf(cause)}`, { cause });
  }
  if (!isObject(value)) throw new WhiskersError("image-invalid", `${shownAs} is no JSON object`);
  return value;
}

function isTooDeep(json: string): boolean {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < json.length; at += 1) {
    const character = json[at];
    if (isText) {
      if (character === "\\") at += 1;
      else if (character === '"') isText = false;
    } else if (character === '"') isText = true;
    else if (character === "[" || character === "{") depth += 1;
    else if (character === "]" || character === "}") depth -= 1;
    if (depth > MOST_DEPTH) return true;
  }
  return false;
}
