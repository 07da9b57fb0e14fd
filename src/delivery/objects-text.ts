/**
 * JSON text of a list of objects, as `JSON.stringify` makes it. A large output is stored and sent as the text that it is: as
 * objects it would take five times the memory, for as long as it waits.
 */

/** Without the object of that key, should it be there: found in the text, not read and written again. */
export function withoutObject(text: string, primaryKey: string): string {
  const needle = `"primary_key":${JSON.stringify(primaryKey)}`;
  let found = text.indexOf(needle);
  if (found < 0) return text;
  for (const [from, to] of elementsOf(text, 0)) {
    if (to <= found) continue;
    // It may be inside of the object.
    const { primary_key: key } = JSON.parse(text.slice(from, to)) as { readonly primary_key: unknown };
    if (key === primaryKey) return cut(text, from, to);
    found = text.indexOf(needle, to);
    if (found < 0) break;
  }
  return text;
}

/** Behind the list that begins at `from`. */
export function endOfList(text: string, from: number): number {
  let end = from + 1;
  for (const [, to] of elementsOf(text, from)) end = to;
  return end + 1;
}

/** With the comma that follows it, or else the one before it. */
function cut(text: string, from: number, to: number): string {
  return text[to] === ","
    ? text.slice(0, from) + text.slice(to + 1)
    : `${text.slice(0, Math.max(1, from - 1))}]`;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Where each object of the list that begins at `from` begins and ends. */
function* elementsOf(text: string, from: number): Generator<readonly [from: number, to: number], void> {
  let depth = 0;
  let start = from + 1;
  for (let at = start; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) depth += 1;
    else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) {
      depth -= 1;
      if (depth < 0) return;
      if (depth > 0) continue;
      yield [start, at + 1];
      // Behind the comma.
      start = at + 2;
    }
  }
}

/** Of its closing quote. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE && at < text.length; code = text.charCodeAt(at))
    at += code === BACKSLASH ? 2 : 1;
  return at;
}
