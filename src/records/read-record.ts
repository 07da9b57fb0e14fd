import { Buffer } from "node:buffer";

import { didYouMean } from "../domain/closest.ts";
import type { DerivedRaw } from "../domain/record.ts";
import { isObject } from "../domain/unknown.ts";
import { normaliseDateTime } from "./date-time.ts";
import type { Draft } from "./draft.ts";
import { Problem, shown, unlike } from "./problem.ts";
import { readObject } from "./read-object.ts";
import type { Report } from "./read-object.ts";
import { readReference } from "./read-value.ts";

/** One record, read. `id` of a profile: its reference is yet to be followed. */
export type ReadRecord =
  | { readonly kind: "object" | "affirmation" | "reference"; readonly draft: Draft }
  | { readonly kind: "declaration"; readonly draft: Draft; readonly endValidTime: string | null }
  | {
      readonly kind: "scan_profile";
      readonly record: number;
      readonly reference: string | null;
      readonly id: string | null;
      readonly level: number;
      readonly userId: number | null;
    }
  | { readonly kind: "raw"; readonly raw: DerivedRaw };

/** A record of protocol/README.md, or null when something was reported and nothing may refer to it. */
export function readRecord(value: unknown, record: number, report: Report): ReadRecord | null {
  if (!isObject(value)) {
    report.add(new Problem(`a record is a JSON object, not ${shown(value)}`), null);
    return null;
  }
  const form = value["record_type"];
  if (form === undefined) return { kind: "object", draft: readObject(value, record, "", report) };
  switch (form) {
    case "declaration":
      return readDeclaration(value, record, report);
    case "affirmation":
      return { kind: "affirmation", draft: readHeld(value, record, report) };
    case "reference":
      return { kind: "reference", draft: readHeld(value, record, report) };
    case "scan_profile":
      return readScanProfile(value, record, report);
    case "raw":
      return readRaw(value, report);
    default:
      report.add(new Problem(unknownForm(form), "/record_type"), null);
      return null;
  }
}

/** The object of a record that holds one and nothing else. */
function readHeld(value: Readonly<Record<string, unknown>>, record: number, report: Report): Draft {
  const sound = checkKeys(value, ["record_type", "object"], report);
  const draft = readObject(value["object"], record, "/object", report);
  if (!sound) draft.state = "rejected";
  return draft;
}

function readDeclaration(
  value: Readonly<Record<string, unknown>>,
  record: number,
  report: Report,
): ReadRecord {
  let sound = checkKeys(value, ["record_type", "object", "end_valid_time"], report);
  const draft = readObject(value["object"], record, "/object", report);
  const given = value["end_valid_time"] ?? null;
  const endValidTime = typeof given === "string" ? normaliseDateTime(given, true) : null;
  if (given !== null && endValidTime === null) {
    sound = false;
    const expected = "a date and time with an offset, such as 2026-01-31T12:00:00Z";
    report.add(unlike(given, expected).below("end_valid_time"), null);
  }
  if (!sound) draft.state = "rejected";
  return { kind: "declaration", draft, endValidTime };
}

function readScanProfile(
  value: Readonly<Record<string, unknown>>,
  record: number,
  report: Report,
): ReadRecord | null {
  let sound = checkKeys(value, ["record_type", "reference", "level", "user_id"], report);
  const { level, user_id: userId = null, reference: target } = value;
  const isLevel = typeof level === "number" && Number.isInteger(level) && level >= 0 && level <= 4;
  if (!isLevel) report.add(unlike(level ?? null, "a level from 0 to 4").below("level"), null);
  const isUser = userId === null || (typeof userId === "number" && Number.isSafeInteger(userId));
  if (!isUser) report.add(unlike(userId, "a whole number or null").below("user_id"), null);
  const id = isObject(target) && typeof target["$ref"] === "string" && /^#./su.test(target["$ref"]);
  const reference = id ? null : readReference(target ?? null, []);
  if (reference instanceof Problem) report.add(reference.below("reference"), null);
  sound &&= isLevel && isUser && !(reference instanceof Problem);
  if (!sound || !isLevel || !isUser || reference instanceof Problem) return null;
  return {
    kind: "scan_profile",
    record,
    reference,
    id: id ? String(target["$ref"]).slice(1) : null,
    level,
    userId,
  };
}

function readRaw(value: Readonly<Record<string, unknown>>, report: Report): ReadRecord | null {
  let sound = checkKeys(value, ["record_type", "mime_types", "content"], report);
  const { mime_types: mimeTypes, content } = value;
  const areTypes = Array.isArray(mimeTypes) && mimeTypes.length > 0 && mimeTypes.every(isMimeType);
  if (!areTypes)
    report.add(unlike(mimeTypes ?? null, "a list of at least one mime type").below("mime_types"), null);
  const bytes = typeof content === "string" ? decodeBase64(content) : null;
  if (bytes === null)
    report.add(unlike(content ?? null, "base64 (RFC 4648, section 4)").below("content"), null);
  sound &&= areTypes && bytes !== null;
  return sound && areTypes && bytes !== null
    ? { kind: "raw", raw: { mime_types: mimeTypes, content: bytes } }
    : null;
}

/** OpenKAT's mime types are words such as `boefje/nmap` or `error/boefje`, not always of RFC 6838. */
function isMimeType(value: unknown): value is string {
  return typeof value === "string" && /^[\u0021-\u007e][\u0020-\u007e]{0,254}$/.test(value);
}

function decodeBase64(text: string): Uint8Array | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}

const FORMS = ["declaration", "affirmation", "scan_profile", "raw", "reference"];

function unknownForm(form: unknown): string {
  const hint = typeof form === "string" ? didYouMean(form, FORMS) : "";
  return `${shown(form)} is not one of ${FORMS.join(", ")}${hint}; an object has no record_type`;
}

function checkKeys(
  value: Readonly<Record<string, unknown>>,
  names: readonly string[],
  report: Report,
): boolean {
  const unknown = Object.keys(value).filter((key) => !names.includes(key));
  for (const key of unknown.slice(0, MOST_UNKNOWN)) {
    const hint = report.full ? "" : didYouMean(key, names);
    report.add(new Problem(`there is no such key here${hint}`).below(key), null);
  }
  return unknown.length === 0;
}

/** Of one record: the work for a hostile one is bounded. */
const MOST_UNKNOWN = 10;
