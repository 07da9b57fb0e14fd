import * as tables from "./nameprep-tables.generated.ts";

/**
 * Nameprep (RFC 3491) over Unicode 3.2, for one label, as Python's `stringprep` and `encodings.idna` do it:
 * characters that 3.2 does not know pass as they are. Null when the label holds what a name may not hold.
 */
export function nameprep(label: string): string | null {
  const { dropped, mapped, prohibited, rightToLeft, leftToRight } = readTables();
  let text = "";
  for (const character of label) {
    const codePoint = codePointOf(character);
    if (!has(dropped, codePoint)) text += mapped.get(codePoint) ?? character;
  }
  const characters = Array.from(normalise(text), codePointOf);
  const [first, last] = [characters[0], characters.at(-1)];
  if (first === undefined || last === undefined) return "";
  if (characters.some((codePoint) => has(prohibited, codePoint))) return null;
  if (characters.some((codePoint) => has(rightToLeft, codePoint))) {
    if (characters.some((codePoint) => has(leftToRight, codePoint))) return null;
    if (!has(rightToLeft, first) || !has(rightToLeft, last)) return null;
  }
  return String.fromCodePoint(...characters);
}

/** Lower case as Python 3.13 has it: letters that later versions of Unicode paired stay. */
export function lowerCase(text: string): string {
  const { cased } = readTables();
  return Array.from(text, (character) =>
    has(cased, codePointOf(character)) ? character.toLowerCase() : character,
  ).join("");
}

/**
 * NFKC of Unicode 3.2. What 3.2 knows is decomposed; since Unicode never changes the normal form of what it
 * knows (but for five mended characters), today's tables do. What 3.2 does not know is not decomposed.
 */
function normalise(text: string): string {
  const { assigned, corrected } = readTables();
  let normal = "";
  let run = "";
  for (const character of text) {
    const codePoint = codePointOf(character);
    if (has(assigned, codePoint)) run += corrected.get(codePoint) ?? character.normalize("NFKD");
    else if (character.normalize("NFC") === character) run += character;
    else {
      normal += run.normalize("NFC") + character;
      run = "";
    }
  }
  return normal + run.normalize("NFC");
}

interface Tables {
  readonly assigned: Ranges;
  readonly cased: Ranges;
  readonly dropped: Ranges;
  readonly prohibited: Ranges;
  readonly rightToLeft: Ranges;
  readonly leftToRight: Ranges;
  readonly mapped: ReadonlyMap<number, string>;
  readonly corrected: ReadonlyMap<number, string>;
}

/** First and last code point of one range after the other. */
type Ranges = Uint32Array;

// Read once, when the first name that is not ASCII comes: most outputs have none.
const memory: { tables: Tables | null } = { tables: null };

function readTables(): Tables {
  memory.tables ??= {
    assigned: readRanges(tables.assigned),
    cased: readRanges(tables.cased),
    dropped: readRanges(tables.dropped),
    prohibited: readRanges(tables.prohibited),
    rightToLeft: readRanges(tables.rightToLeft),
    leftToRight: readRanges(tables.leftToRight),
    mapped: readMap(tables.mapped),
    corrected: readMap(tables.corrected),
  };
  return memory.tables;
}

function readRanges(text: string): Ranges {
  let end = 0;
  return Uint32Array.from(
    text.split(" ").flatMap((item) => {
      const [gap = "", length = "0"] = item.split("+");
      const start = end + Number.parseInt(gap, 36);
      end = start + Number.parseInt(length, 36);
      return [start, end];
    }),
  );
}

function readMap(text: string): ReadonlyMap<number, string> {
  return new Map(
    text.split(",").map((row) => {
      const [from = 0, ...to] = row.split(" ").map((item) => Number.parseInt(item, 36));
      return [from, String.fromCodePoint(...to)];
    }),
  );
}

function has(ranges: Ranges, codePoint: number): boolean {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle * 2 + 1] ?? 0) < codePoint) low = middle + 1;
    else high = middle;
  }
  return (ranges[low * 2] ?? Infinity) <= codePoint;
}

function codePointOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
