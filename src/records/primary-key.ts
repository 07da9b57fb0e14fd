import { hash } from "node:crypto";

import { naturalKeyOfReference, objectType } from "./object-model.ts";
import type { ObjectType } from "./object-model.ts";

/** No key may be longer, UTF-16 units: keys hold keys of other objects, and would grow without end. */
export const MAX_KEY_LENGTH = 1 << 20;

/**
 * The primary key of an object in normal form, computed from its fields alone.
 * @throws TypeError an object type that is not known, RangeError a key that would be too long
 */
export function primaryKey(object: {
  readonly object_type: string;
  readonly [field: string]: unknown;
}): string {
  const type = objectType(object.object_type);
  if (type === null) throw new TypeError(`there is no object type ${object.object_type}`);
  const key = computePrimaryKey(type, object);
  if (key === null) throw new RangeError("the primary key is too long");
  return key;
}

/**
 * `Type|natural key` of an object whose values are in normal form and whose references in the key are
 * primary keys. Null when it would be longer than `MAX_KEY_LENGTH`.
 */
export function computePrimaryKey(
  type: ObjectType,
  values: Readonly<Record<string, unknown>>,
): string | null {
  let natural = "";
  let first = true;
  for (const { field, form } of type.key) {
    const value = values[field];
    natural += (first ? "" : "|") + keyPart(value, form, type, field);
    first = false;
  }
  if (type.hashed !== null) {
    const hashed = replaceByHash(natural, String(values[type.hashed]));
    if (hashed === null) return null;
    natural = hashed;
  }
  const key = `${type.name}|${natural}`;
  return key.length > MAX_KEY_LENGTH ? null : key;
}

function keyPart(
  value: unknown,
  form: "value" | "natural" | "full",
  type: ObjectType,
  field: string,
): string {
  if (value === null || value === undefined) return "";
  if (typeof value === "string") return form === "natural" ? naturalKeyOfReference(value) : value;
  if (typeof value === "number") {
    return type.fields.find(({ name }) => name === field)?.kind === "float"
      ? formatFloat(value)
      : String(value);
  }
  throw new TypeError(`${type.name}.${field} cannot be part of a key`);
}

/** As Python's `repr` of a float: always with `.0` or an exponent of at least two digits. */
function formatFloat(value: number): string {
  const [digits = "", power = "0"] = value.toExponential().split("e");
  const exponent = Number(power);
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const text = String(value);
  return text.includes(".") ? text : `${text}.0`;
}

/**
 * Every occurrence of the value in the whole key becomes its SHA-1, also where it is part of something else,
 * and between all characters when it is empty: so OpenKAT does it.
 */
function replaceByHash(natural: string, value: string): string | null {
  const digest = hash("sha1", value);
  const most = MAX_KEY_LENGTH / digest.length;
  if (value !== "")
    return occursAtMost(natural, value, most) ? natural.replaceAll(value, () => digest) : null;
  if (natural.length > most) return null;
  return `${digest}${Array.from(natural, (character) => character + digest).join("")}`;
}

function occursAtMost(text: string, part: string, most: number): boolean {
  let at = 0;
  for (let found = 0; found <= most; found += 1) {
    at = text.indexOf(part, at);
    if (at < 0) return true;
    at += part.length;
  }
  return false;
}
