import type { Limits } from "../domain/limits.ts";
import { didYouMean } from "../domain/closest.ts";
import type { Manifest } from "../domain/package.ts";
import { isRuntimeName } from "../domain/runtime-name.ts";
import { isObject, messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { isOpenKatManifest, parseGuest } from "./guest.ts";
import { LIMIT_KEYS, parseLimit } from "./limits.ts";
import { type Complaint, complainAbout } from "./manifest-error.ts";
import { parseReads } from "./reads.ts";
import { parseRequirements } from "./requirements.ts";

/** Keys that OpenKAT's own normalizer.json has and that mean nothing here. */
const OPENKAT_KEYS = ["enabled", "created", "static", "type"] as const;
const OWN_KEYS = [
  "$schema",
  "id",
  "name",
  "description",
  "version",
  "consumes",
  "produces",
  "environment",
  "entrypoint",
  "convention",
  "dependencies",
  "limits",
  "reads",
  "cache",
  "runtime",
  "schema",
  "onInvalid",
] as const;
const KEYS: readonly string[] = [...OWN_KEYS, ...OPENKAT_KEYS];

const OUTPUT_SCHEMAS: readonly string[] = ["openkat/1"];

/**
 * Reads the text of a normalizer.json. docs/manifest.md lists every key;
 * protocol/schemas/normalizer.json is the same as a JSON Schema.
 * @param file how errors call it
 * @throws WhiskersError `manifest-invalid`, naming key, value and expectation
 */
export function parseManifest(text: string, file = "normalizer.json"): Manifest {
  const complain = complainAbout(file);
  const json = parseObject(text, file);
  for (const key of Object.keys(json)) {
    if (KEYS.includes(key)) continue;
    const hint = didYouMean(key, KEYS);
    // OpenKAT ignores keys that it does not know. But a typing error must not make a package one of OpenKAT's.
    if (hint !== "" || !isOpenKatManifest(json)) throw complain(key, json[key], `no such key${hint}`);
  }
  checkOpenKatKeys(json, complain);
  const id = matching(json, "id", /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u, ID, complain);
  const guest = parseGuest(json, complain);
  return {
    id,
    name:
      boundedText(json, "name", 256, complain) ??
      missing("name", "a text of at most 256 characters", complain),
    // OpenKAT takes an empty one.
    description: json["description"] === "" ? null : boundedText(json, "description", 4096, complain),
    // 16: what Bytes can store.
    version: boundedText(json, "version", 16, complain),
    consumes: [...new Set([...textList(json, "consumes", 64, complain), `normalizer/${id}`])],
    produces: textList(json, "produces", 64, complain),
    guest,
    dependencies: parseRequirements(json["dependencies"], guest.kind, complain),
    limits: parseLimits(json["limits"], complain),
    ...parseCache(json, complain),
    runtime: parseRuntime(json["runtime"], complain),
    schema: oneOf(json, "schema", OUTPUT_SCHEMAS, "openkat/1", complain),
    onInvalid: oneOf(json, "onInvalid", ["fail", "skip"] as const, "fail", complain),
  };
}

const ID = 'letters, digits, ".", "_" and "-", at most 64, beginning with a letter or digit';

type Json = Readonly<Record<string, unknown>>;

function parseObject(text: string, file: string): Json {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new WhiskersError("manifest-invalid", `${file} is not JSON: ${messageOf(cause)}`, {
      cause,
    });
  }
  if (!isObject(json)) {
    throw new WhiskersError("manifest-invalid", `${file} is not a JSON object`);
  }
  return json;
}

function checkOpenKatKeys(json: Json, complain: Complaint): void {
  for (const key of ["enabled", "static"]) {
    const value = json[key];
    if (value !== undefined && typeof value !== "boolean") throw complain(key, value, "true or false");
  }
  if (json["type"] !== undefined && json["type"] !== "normalizer") {
    throw complain("type", json["type"], '"normalizer"');
  }
  const created = json["created"];
  if (created !== undefined && created !== null && typeof created !== "string") {
    throw complain("created", created, "a time as text, or null");
  }
  if (json["$schema"] !== undefined && typeof json["$schema"] !== "string") {
    throw complain("$schema", json["$schema"], "a text");
  }
}

function parseLimits(value: unknown, complain: Complaint): Partial<Limits> {
  if (value === undefined) return {};
  if (!isObject(value)) {
    throw complain("limits", value, 'an object such as {"time": "30s", "memory": "256M"}');
  }
  let limits: Partial<Limits> = {};
  for (const [key, entry] of Object.entries(value)) {
    const known = Object.keys(LIMIT_KEYS);
    if (!known.includes(key)) {
      throw complain(`limits.${key}`, entry, `one of ${known.join(", ")}${didYouMean(key, known)}`);
    }
    limits = { ...limits, ...parseLimit(key, entry, complain) };
  }
  return limits;
}

function parseCache(json: Json, complain: Complaint): Pick<Manifest, "reads" | "cache"> {
  const reads = parseReads(json["reads"], complain);
  const { cache = false } = json;
  if (typeof cache !== "boolean") throw complain("cache", cache, "true or false");
  // A whole meta has ids and times that no other run has.
  if (cache && reads === null)
    throw complain("cache", cache, "`reads` beside it: the fields of the meta that it reads");
  return { ...(reads === null ? {} : { reads }), ...(cache ? { cache } : {}) };
}

/** What is there under these names is the machine's matter. */
function parseRuntime(value: unknown, complain: Complaint): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value !== "string" || !isRuntimeName(value) || value === "auto" || value === "inline")
    throw complain(
      "runtime",
      value,
      '"own-kernel", "strongest", or a runtime that isolates, such as "oci:runsc"',
    );
  return value;
}

function matching(json: Json, key: string, pattern: RegExp, expected: string, complain: Complaint): string {
  const value = json[key];
  if (typeof value !== "string" || !pattern.test(value)) throw complain(key, value, expected);
  return value;
}

/** A text without control characters, or null when the key is absent or null. */
function boundedText(json: Json, key: string, longest: number, complain: Complaint): string | null {
  const value = json[key];
  if (value === undefined || value === null) return null;
  if (typeof value !== "string" || value === "" || value.length > longest || CONTROL.test(value)) {
    throw complain(key, value, `a text of 1 to ${longest} characters without control characters`);
  }
  return value;
}

const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/u;

function missing(key: string, expected: string, complain: Complaint): never {
  throw complain(key, undefined, expected);
}

function textList(json: Json, key: string, longest: number, complain: Complaint): readonly string[] {
  const value = json[key] ?? [];
  const expected = `a list of at most 1024 texts of 1 to ${longest} characters`;
  if (!Array.isArray(value) || value.length > 1024) throw complain(key, value, expected);
  return value.map((entry: unknown, index) => {
    if (typeof entry !== "string" || entry === "" || entry.length > longest || CONTROL.test(entry)) {
      throw complain(`${key}[${index}]`, entry, expected);
    }
    return entry;
  });
}

function oneOf<const T extends string>(
  json: Json,
  key: string,
  choices: readonly T[],
  otherwise: T,
  complain: Complaint,
): T {
  const value = json[key];
  if (value === undefined) return otherwise;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) {
    const word = typeof value === "string" ? didYouMean(value, choices) : "";
    throw complain(key, value, `${choices.map((choice) => JSON.stringify(choice)).join(" or ")}${word}`);
  }
  return found;
}
