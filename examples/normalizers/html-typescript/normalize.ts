/** A web page: the addresses that it refers to, and the software that it names. */
import { type Meta, log } from "whiskers";

import { startTags } from "./html-tags.ts";

const LINKS: Readonly<Record<string, string>> = {
  a: "href",
  link: "href",
  script: "src",
  img: "src",
  iframe: "src",
  form: "action",
};
const SCRIPT_VERSION = /^([a-z][a-z-]*?)[.-]v?(\d+(?:\.\d+)+)(?:\.(?:min|slim|bundle))*\.js$/u;
const GENERATOR = /^([A-Za-z][\w .!-]*?)(?: v?(\d[\w.-]*))?$/u;

export async function* run(meta: Meta, raw: Uint8Array): AsyncGenerator<object> {
  const resource = meta.raw_data.boefje_meta.input_ooi;
  if (!resource?.startsWith("HTTPResource|")) {
    throw new Error(`a page belongs to an HTTPResource, but the input object is ${resource}`);
  }
  const { base, network } = pageAddress(resource);

  const seen = new Set<string>();
  const generators: string[] = [];
  for (const { tag, attributes } of startTags(new TextDecoder().decode(raw))) {
    if (tag === "meta" && attributes.get("name")?.toLowerCase() === "generator") {
      generators.push(attributes.get("content") ?? "");
    }
    const link = attributes.get(LINKS[tag] ?? "");
    const address = link === undefined ? null : absolute(base, link);
    if (address === null || seen.has(address)) continue;
    seen.add(address);
    yield { object_type: "URL", network: `Network|${network}`, raw: address };
    const script = tag === "script" ? SCRIPT_VERSION.exec(address.split("/").at(-1) ?? "") : null;
    if (script) yield* software(resource, script);
  }
  for (const generator of generators) {
    const product = GENERATOR.exec(generator);
    if (product) yield* software(resource, product);
  }
}

function* software(resource: string, [, name, version]: RegExpExecArray): Generator<object> {
  yield { object_type: "Software", name, version: version ?? null };
  yield { object_type: "SoftwareInstance", ooi: resource, software: `Software|${name}|${version ?? ""}|` };
}

/** `HTTPResource|<website: 7 parts>|<web address: scheme, network, host, port, path>`, and a path may hold a `|`. */
function pageAddress(reference: string) {
  const [scheme, network = "", host = "", port, ...path] = reference.split("|").slice(8);
  const base = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}${path.join("|")}`;
  return { base, network };
}

function absolute(base: string, link: string): string | null {
  try {
    const url = new URL(link, base);
    if (url.protocol !== "http:" && url.protocol !== "https:") return null;
    url.hash = "";
    url.username = url.password = "";
    return url.href;
  } catch {
    log.info(`no address: ${link.slice(0, 200)}`);
    return null;
  }
}
