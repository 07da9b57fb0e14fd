import { isUtf8 } from "node:buffer";

import { Problem, shownText } from "./problem.ts";
import type { RecordText } from "./record-texts.ts";

/**
 * The JSON value of one record's text, or the problem with it. Nesting is measured before anything is
 * parsed, so that a deep text costs no more than a flat one. Of a key that is there twice, the last counts.
 */
export function parseJson({ buffer, start, end }: RecordText, depth: number): unknown {
  const bytes = buffer.subarray(start, end);
  if (!isUtf8(bytes)) return new Problem("the record is not UTF-8");
  const text = bytes.toString("utf8");
  if (nestsDeeper(text, depth)) return new Problem(`the record nests deeper than ${depth} levels`);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    return new Problem(`the record is not JSON: ${shownText(error instanceof Error ? error.message : "")}`);
  }
}

/** A text with few brackets cannot nest deeply: most records are known to be flat after two searches. */
function nestsDeeper(text: string, depth: number): boolean {
  return countUpTo(text, "{", depth) + countUpTo(text, "[", depth) > depth && deepest(text) > depth;
}

function countUpTo(text: string, character: string, most: number): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0 && count <= most; at = text.indexOf(character, at + 1)) {
    count += 1;
  }
  return count;
}

function deepest(text: string): number {
  let depth = 0;
  let most = 0;
  let inString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (inString) {
      if (character === "\\") at += 1;
      else if (character === '"') inString = false;
    } else if (character === '"') inString = true;
    else if (character === "{" || character === "[") most = Math.max(most, (depth += 1));
    else if (character === "}" || character === "]") depth -= 1;
  }
  return most;
}
