/** What is between these is no HTML. */
const RAW_TEXT = /^(?:script|style|textarea|title|noscript|xmp|iframe|noembed|noframes)$/u;
const TAG = /<([a-zA-Z][^\s/>]*)/uy;
const ATTRIBUTE = /[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"'][^\s>]*)))?/uy;

/** The start tags of a page, names in lower case. Never fails: every text is some HTML. */
export function* startTags(
  html: string,
): Generator<{ tag: string; attributes: ReadonlyMap<string, string> }> {
  let at = html.indexOf("<");
  while (at !== -1) {
    const name = matchAt(TAG, html, at)?.[1]?.toLowerCase();
    if (name === undefined) {
      at = html.startsWith("<!--", at) ? after(html, "-->", at + 4) : at + 1;
    } else {
      const { attributes, end } = attributesAt(html, at + 1 + name.length);
      yield { tag: name, attributes };
      at = RAW_TEXT.test(name) ? endOfRawText(html, name, end) : end;
    }
    at = html.indexOf("<", at);
  }
}

function attributesAt(html: string, from: number) {
  const attributes = new Map<string, string>();
  let end = from;
  for (let found = matchAt(ATTRIBUTE, html, end); found; found = matchAt(ATTRIBUTE, html, end)) {
    const [all, name = "", double, single, bare] = found;
    const key = name.toLowerCase();
    // Of two with one name the first counts.
    if (!attributes.has(key)) attributes.set(key, decode(double ?? single ?? bare ?? ""));
    end += all.length;
  }
  return { attributes, end: after(html, ">", end) };
}

function endOfRawText(html: string, name: string, from: number): number {
  const close = new RegExp(`</${name}[\\s/>]`, "giu");
  close.lastIndex = from;
  return close.exec(html)?.index ?? html.length;
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function after(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found === -1 ? html.length : found + mark.length;
}

/** The few references that addresses have; others stay as they are. */
const CHARACTERS: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decode(text: string): string {
  return text.replaceAll(/&(?:#(\d{1,7})|(amp|lt|gt|quot|apos));/gu, (all, point?: string, name?: string) =>
    name ? (CHARACTERS[name] ?? all) : Number(point) <= 0x10ffff ? String.fromCodePoint(Number(point)) : all,
  );
}
