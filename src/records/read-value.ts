import { normaliseDateTime } from "./date-time.ts";
import { normaliseDuration } from "./duration.ts";
import { normaliseHostname } from "./hostname.ts";
import { normaliseIpv4, normaliseIpv6 } from "./ip-address.ts";
import { isJsonSchema } from "./json-schema.ts";
import { objectType, typeOfReference } from "./object-model.ts";
import type { Field } from "./object-model.ts";
import { Problem, shown, shownText, unlike } from "./problem.ts";
import { normaliseUrl } from "./url.ts";

/**
 * A value as the field's kind says: checked and in OpenKAT's normal form, or the problem with it. Neither
 * null nor `{"$ref": …}` comes here, nor the kind `asset-reports`.
 */
export function readValue(field: Field, value: unknown): unknown {
  switch (field.kind) {
    case "text":
      return readText(value);
    case "reference":
      return readReference(value, field.targets);
    case "integer":
      return readNumber(field, value);
    case "float":
      return readNumber(field, value);
    case "boolean":
      return typeof value === "boolean" ? value : unlike(value, "true or false");
    case "enum":
      return typeof value === "string" && field.values.includes(value)
        ? value
        : unlike(value, oneOf(field.values));
    case "json":
      return readJson(value);
    case "texts":
      return readTexts(value);
    case "duration":
      if (typeof value !== "number" && typeof value !== "string") return unlike(value, A_DURATION);
      return normaliseDuration(value) ?? unlike(value, A_DURATION);
    case "asset-reports":
      throw new Error("asset reports are objects: the caller reads them");
    default:
      return readNormalised(field.kind, value);
  }
}

/** A reference string, checked against the types that it may name; empty: any. */
export function readReference(value: unknown, targets: readonly string[]): string | Problem {
  if (typeof value !== "string") {
    return unlike(value, 'a reference such as "Hostname|internet|example.com" or {"$ref": "#id"}');
  }
  const typeName = typeOfReference(value);
  const type = typeName.length < value.length ? objectType(typeName) : null;
  if (type === null) {
    return new Problem(`bad reference: ${shown(value)} does not begin with an object type and "|"`);
  }
  if (!isTarget(typeName, targets)) return badTarget(shown(value), typeName, targets);
  if (!value.isWellFormed()) return unlike(value, "Unicode text: it holds half a surrogate pair");
  if (!hasParts(value, type.keyParts)) {
    return new Problem(
      `bad reference: ${shown(value)} has too few parts; the key of a ${typeName} has ${type.keyParts} after the type`,
    );
  }
  return value;
}

export function isTarget(typeName: string, targets: readonly string[]): boolean {
  return targets.length === 0 || targets.includes(typeName);
}

export function badTarget(what: string, typeName: string, targets: readonly string[]): Problem {
  return new Problem(
    `bad reference target: ${what} is a ${shownText(typeName)}; expected ${targets.join(" or ")}`,
  );
}

function hasParts(reference: string, parts: number): boolean {
  let at = -1;
  for (let found = 0; found < parts; found += 1) {
    at = reference.indexOf("|", at + 1);
    if (at < 0) return false;
  }
  return true;
}

function readText(value: unknown): string | Problem {
  if (typeof value !== "string") return unlike(value, "a text");
  return value.isWellFormed() ? value : unlike(value, "Unicode text: it holds half a surrogate pair");
}

function readNumber({ kind, least, most }: Field, value: unknown): number | Problem {
  const expected = `${kind === "integer" ? "a whole number" : "a number"}${range(least, most)}`;
  if (typeof value !== "number" || !Number.isFinite(value)) return unlike(value, expected);
  if (kind === "integer" && !Number.isSafeInteger(value)) return unlike(value, expected);
  if ((least !== null && value < least) || (most !== null && value > most)) return unlike(value, expected);
  return value === 0 ? 0 : value;
}

function range(least: number | null, most: number | null): string {
  return least === null || most === null ? "" : ` from ${least} to ${most}`;
}

type TextKind = Exclude<
  Field["kind"],
  | "text"
  | "reference"
  | "integer"
  | "float"
  | "boolean"
  | "enum"
  | "json"
  | "texts"
  | "duration"
  | "asset-reports"
>;

function readNormalised(kind: TextKind, value: unknown): string | Problem {
  const text = readText(value);
  if (typeof text !== "string") return unlike(value, EXPECTED[kind]);
  return normalise(kind, text) ?? unlike(value, EXPECTED[kind]);
}

function normalise(kind: TextKind, text: string): string | null {
  switch (kind) {
    case "hostname":
      return normaliseHostname(text);
    case "ipv4":
      return normaliseIpv4(text);
    case "ipv6":
      return normaliseIpv6(text);
    case "url":
      return normaliseUrl(text);
    case "uuid":
      return UUID.test(text) ? text.toLowerCase() : null;
    case "datetime":
      return normaliseDateTime(text, false);
    case "upper-case":
      return trim(text).toUpperCase();
    case "title":
      return trim(text) === "" ? null : trim(text);
    case "json-schema":
      return isJsonSchema(text) ? text : null;
  }
}

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/i;
const A_DURATION = 'a span of time such as "P30D", or a number of seconds';

const EXPECTED: Readonly<Record<TextKind, string>> = {
  hostname: "a hostname: letters, digits, `-` and `.`, labels of 1 to 63 characters, no `-` at the end",
  ipv4: "an IPv4 address such as 192.0.2.1",
  ipv6: "an IPv6 address such as 2001:db8::1",
  url: "an absolute URL",
  uuid: "a UUID such as 12345678-1234-5678-1234-567812345678",
  datetime: "a date and time such as 2026-01-31T12:00:00Z",
  "upper-case": "a text",
  title: "a text that is not blank",
  "json-schema": "the text of a JSON Schema of draft 2020-12",
};

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? JSON.stringify(values[0]) : `one of ${values.join(", ")}`;
}

/**
 * Without what Unicode calls White_Space at its ends, as OpenKAT trims: JavaScript's `trim` differs in
 * U+0085 and U+FEFF. A regular expression would take quadratic time on a hostile text.
 */
function trim(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && SPACE.test(text.charAt(start))) start += 1;
  while (end > start && SPACE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

const SPACE = /^\p{White_Space}$/u;

function readTexts(value: unknown): readonly string[] | Problem {
  if (!Array.isArray(value)) return unlike(value, "a list of texts");
  for (const [at, item] of (value as readonly unknown[]).entries()) {
    const text = readText(item);
    if (typeof text !== "string") return text.below(at);
  }
  return value as readonly string[];
}

function readJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return unlike(value, "a JSON object");
  return findUnwritable(value) ?? value;
}

/** A number or text in free JSON that could not be written as it was meant. Depth was bounded before. */
function findUnwritable(value: unknown): Problem | null {
  if (typeof value === "number")
    return Number.isFinite(value) ? null : new Problem("the number is too large");
  if (typeof value === "string") return value.isWellFormed() ? null : unlike(value, "Unicode text");
  if (typeof value !== "object" || value === null) return null;
  for (const [key, item] of Object.entries(value)) {
    const problem = key.isWellFormed() ? findUnwritable(item) : unlike(key, "a Unicode name");
    if (problem !== null) return problem.below(key);
  }
  return null;
}
