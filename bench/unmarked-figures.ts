/** Of time, memory or speed, by whatever name and with or without a space. */
const UNIT = [
  "[mµn]?s",
  "min",
  "h",
  "(?:milli|micro)?seconds?",
  "minutes?",
  "hours?",
  "[kKMG]i?B",
  "(?:kilo|mega|giga)bytes?",
  "[×x%]",
  "percent",
  "-?fold",
  "times",
  String.raw`(?:\p{L}+ )?(?:objects|tasks|runs)(?: (?:a|per)|\/) ?s(?:econd)?`,
  "(?:a|per) second",
  String.raw`\/s`,
].join("|");
const FIGURE = new RegExp(
  String.raw`(?<![\d.,\p{L}-])\d[\d,]*(?:\.\d+)?(?: |&nbsp;)?(?:${UNIT})(?!\p{L})`,
  "gu",
);
/** A cell of a table with a number and nothing else: its unit is in the table's head. */
const CELL = /(?<=\|\s*)[-~]?\d[\d.,]*(?=\s*\|)/gu;
const MARKED = /-?\d[\d,]*(?:\.\d+)?<!--[^>]*-->/gu;
/** What is measured, not what was found: how much goes in. */
const INPUT = /\b\d+ kB in\b/gu;

/** Measures of time, memory or speed that do not say which result file they are from; code blocks are left out. */
export function unmarkedFigures(markdown: string): readonly string[] {
  const prose = markdown
    .replaceAll(/```[^]*?```/gu, "")
    .replaceAll(MARKED, "#")
    .replaceAll(INPUT, "");
  return [...(prose.match(FIGURE) ?? []), ...(prose.match(CELL) ?? [])];
}
