/**
 * Text of a guest, a file name, a raw: whatever it holds, a terminal shows it and does nothing else. Every
 * character that moves the cursor, starts a control sequence, changes the direction of writing or cannot be
 * seen becomes `\u{…}` (RFC 8259 forms for tab and line feed); the rest stays.
 */
export function printable(text: string): string {
  return text.toWellFormed().replace(UNPRINTABLE, (found) => {
    if (found === "\n") return "\\n";
    if (found === "\t") return "\\t";
    if (found === "\r") return "\\r";
    return `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** As `printable`, line by line: line feeds stay line feeds, tabs become spaces. */
export function printableLines(text: string): readonly string[] {
  return text.split(/\r?\n/u).map((line) => printable(line.replaceAll("\t", "    ")));
}

// Cc: control; Cf: format, with bidi controls, zero-width and tag characters; Zl, Zp: separators;
// Cs cannot be there after toWellFormed; Co and Cn: what only a private or future font could show.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;
