export type Attributes = Readonly<Partial<Record<string, string>>>;

export interface XmlEvent {
  readonly event: "start" | "end";
  readonly name: string;
  /** Of a start. */
  readonly attributes: Attributes;
  /** Of an end: the text that the element holds. */
  readonly text: string;
}

/** The file is not nmap's, ends early, or is broken. */
export class DamagedXml extends Error {
  override readonly name = "DamagedXml";
}

/**
 * Reads the part of XML 1.0 that nmap writes, without a tree of all of it in memory: every element when it
 * begins and when it ends.
 * @throws DamagedXml after everything that could be read
 */
export function* elements(raw: Uint8Array): Generator<XmlEvent> {
  const xml = new TextDecoder().decode(raw);
  const open: { readonly name: string; text: string }[] = [];
  let at = 0;
  let hasRoot = false;
  while (true) {
    const tag = xml.indexOf("<", at);
    const inner = open.at(-1);
    if (tag === -1) break;
    if (inner) inner.text += decode(xml.slice(at, tag));
    if (xml.startsWith("<!--", tag)) at = after(xml, "-->", tag + 4);
    else if (xml.startsWith("<?", tag)) at = after(xml, "?>", tag + 2);
    else if (xml.startsWith("<!", tag)) at = afterDoctype(xml, tag);
    else if (xml.startsWith("</", tag)) {
      at = after(xml, ">", tag);
      const name = xml.slice(tag + 2, at - 1).trimEnd();
      if (inner?.name !== name) throw new DamagedXml(`not whole XML: </${name}> ends nothing`);
      open.pop();
      yield { event: "end", name, attributes: {}, text: inner.text };
    } else {
      const start = startTag(xml, tag);
      if (open.length === 0 && (hasRoot || start.name !== "nmaprun")) {
        throw new DamagedXml(`not a file of nmap: it begins with <${start.name}>`);
      }
      hasRoot = true;
      at = start.end;
      yield { event: "start", name: start.name, attributes: start.attributes, text: "" };
      if (start.isEmpty) yield { event: "end", name: start.name, attributes: {}, text: "" };
      else open.push({ name: start.name, text: "" });
    }
  }
  if (!hasRoot) throw new DamagedXml("not whole XML: no element found");
  if (open.length > 0) throw new DamagedXml(`not whole XML: it ends within <${open.at(-1)?.name}>`);
}

const NAME = /[A-Za-z_][\w.:-]*/uy;
const ATTRIBUTE = /\s+([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/uy;
const TAG_END = /\s*(\/?)>/uy;

function startTag(xml: string, tag: number) {
  const attributes: Record<string, string> = Object.create(null) as Record<string, string>;
  const [name] = matchAt(NAME, xml, tag + 1) ?? [];
  let end = tag + 1 + (name?.length ?? 0);
  for (let found = matchAt(ATTRIBUTE, xml, end); found; found = matchAt(ATTRIBUTE, xml, end)) {
    const [all, key = "", double, single = ""] = found;
    attributes[key] = decode(double ?? single);
    end += all.length;
  }
  const close = matchAt(TAG_END, xml, end);
  if (!name || !close) throw new DamagedXml(`not whole XML: a tag is broken at character ${end}`);
  return { name, attributes, end: end + close[0].length, isEmpty: close[1] === "/" };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

function afterDoctype(xml: string, tag: number): number {
  const end = after(xml, ">", tag);
  // Entities that hold entities grow without end, and nmap has none.
  if (!/^<!DOCTYPE\s[^[]*$/u.test(xml.slice(tag, end))) throw new DamagedXml("it declares entities");
  return end;
}

function after(xml: string, mark: string, at: number): number {
  const found = xml.indexOf(mark, at);
  if (found === -1) throw new DamagedXml(`not whole XML: it ends before "${mark}"`);
  return found + mark.length;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function decode(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(/&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/gu, (all, ...found) => {
    const [decimal, hex, name] = found as (string | undefined)[];
    if (name !== undefined) return ENTITIES[name] ?? all;
    const point = Number(decimal ?? `0x${hex}`);
    return point <= 0x10ffff ? String.fromCodePoint(point) : all;
  });
}
