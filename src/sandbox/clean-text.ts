/**
 * Everything that may steer a terminal or hide what a line says: C0 except tab, DEL, C1, the bidi
 * controls (Unicode TR #9), line and paragraph separators, the byte order mark.
 */
const UNSAFE = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * Untrusted text, safe to show: unsafe characters become `\x1B` or `\u202E`, lone surrogates U+FFFD.
 * Cut to `maxLength` UTF-16 units first, so that the work is bounded; a cut is marked with `…`.
 */
export function cleanText(text: string, maxLength: number): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
  return cut.toWellFormed().replace(UNSAFE, visible);
}

/** As `cleanText`, but keeps line breaks: for stacks. */
export function cleanLines(text: string, maxLength: number): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}\n…` : text;
  return cut
    .split(/\r?\n/)
    .map((line) => cleanText(line, maxLength + 1))
    .join("\n");
}

function visible(character: string): string {
  const code = character.charCodeAt(0);
  const hex = code.toString(16).toUpperCase();
  return code < 0x100 ? `\\x${hex.padStart(2, "0")}` : `\\u${hex.padStart(4, "0")}`;
}
