/**
 * How an IPv4-mapped IPv6 address is written: `::ffff:1.2.3.4` (Python 3.13 and later, which OpenKAT's
 * images run, so its keys look like this) or `::ffff:102:304` (earlier Pythons). A key of the other form
 * would name another object.
 */
const MAPPED_AS_DOTTED = true;

const IPV4 = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}$/;

/** Dotted quad without leading zeros, as it is; null when it is none. */
export function normaliseIpv4(text: string): string | null {
  return IPV4.test(text) ? text : null;
}

/**
 * RFC 5952: lower case, the longest run of zero groups (the first on a tie, never a single group) as
 * `::`. A scope (`%eth0`) is kept. Null when it is no address; brackets and masks are not part of one.
 */
export function normaliseIpv6(text: string): string | null {
  const percent = text.indexOf("%");
  const scope = percent < 0 ? "" : text.slice(percent);
  if (scope === "%" || scope.includes("%", 1)) return null;
  const groups = parseGroups(percent < 0 ? text : text.slice(0, percent));
  return groups === null ? null : format(groups) + scope;
}

/** Longest text without a scope: eight groups, the last two as a dotted quad. */
const IPV6_LENGTH = 45;

function parseGroups(text: string): readonly number[] | null {
  if (text.length > IPV6_LENGTH) return null;
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const head = parseHalf(halves[0] ?? "", halves.length === 1);
  const tail = halves.length === 2 ? parseHalf(halves[1] ?? "", true) : [];
  if (head === null || tail === null) return null;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1) return missing === 0 ? head : null;
  return missing < 1 ? null : [...head, ...Array<number>(missing).fill(0), ...tail];
}

function parseHalf(text: string, mayEndDotted: boolean): number[] | null {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [at, part] of parts.entries()) {
    if (mayEndDotted && at === parts.length - 1 && part.includes(".")) {
      if (!IPV4.test(part)) return null;
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[\da-f]{1,4}$/i.test(part)) groups.push(Number.parseInt(part, 16));
    else return null;
  }
  return groups;
}

function format(groups: readonly number[]): string {
  if (MAPPED_AS_DOTTED && groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    const [high = 0, low = 0] = groups.slice(6);
    return `::ffff:${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
  }
  const { start, length } = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (length < 2) return hex.join(":");
  return `${hex.slice(0, start).join(":")}::${hex.slice(start + length).join(":")}`;
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [at, group] of groups.entries()) {
    if (group !== 0) start = at + 1;
    else if (at + 1 - start > best.length) best = { start, length: at + 1 - start };
  }
  return best;
}
