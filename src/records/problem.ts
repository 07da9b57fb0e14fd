/** Why a value was refused. A value, not an error: a normalizer's trouble is no exception. */
export class Problem {
  /** JSON pointer from the value that was read to the part that is wrong. */
  readonly path: string;
  readonly reason: string;

  constructor(reason: string, path = "") {
    this.reason = reason;
    this.path = path;
  }

  /** The same problem, seen from the object that holds the value under `key`. */
  below(key: string | number): Problem {
    return new Problem(this.reason, `/${escapePointer(String(key))}${this.path}`);
  }
}

/** `"tpc" is not one of tcp, udp`: names the value, then says what was expected instead. */
export function unlike(value: unknown, expected: string): Problem {
  return new Problem(`${shown(value)} is not ${expected}`);
}

const SHOWN_LENGTH = 80;

/** Untrusted, short and on one line: safe to print. */
export function shown(value: unknown): string {
  if (typeof value === "string") return safe(JSON.stringify(cut(value)));
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object" && value !== null) return "a JSON object";
  return String(value);
}

/** As `shown`, without quotes: for names and for the messages of parsers. */
export function shownText(text: string): string {
  return safe(cut(text));
}

function cut(text: string): string {
  return text.length > SHOWN_LENGTH ? `${text.slice(0, SHOWN_LENGTH)}…` : text;
}

function safe(text: string): string {
  return text
    .toWellFormed()
    .replace(
      /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
      (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
    );
}

/** RFC 6901; keys of hostile output may be long. */
function escapePointer(key: string): string {
  return safe(cut(key)).replaceAll("~", "~0").replaceAll("/", "~1");
}
