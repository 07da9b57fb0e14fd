import { OBJECT_TYPES } from "./object-model.generated.ts";

/** One of OpenKAT's object types, as the schema `openkat/1` has it. */
export interface ObjectType {
  readonly name: string;
  /** Abstract groups that it belongs to, such as `IPAddress`. */
  readonly groups: readonly string[];
  /** Whether OpenKAT walks through such objects when it follows relations. */
  readonly traversable: boolean;
  /** What the natural key is joined from, in order. */
  readonly key: readonly KeyPart[];
  /** Field whose text is replaced by its SHA-1 in the joined key. */
  readonly hashed: string | null;
  /** The fewest parts that a natural key of this type has. */
  readonly keyParts: number;
  readonly fields: readonly Field[];
}

export interface KeyPart {
  readonly field: string;
  /** `natural`: of a reference, without the type's name; `full`: with it. */
  readonly form: "value" | "natural" | "full";
}

export interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly nullable: boolean;
  readonly default: string | null;
  /** Of an enum. */
  readonly values: readonly string[];
  /** Types that a reference may point at; empty: any. */
  readonly targets: readonly string[];
  readonly least: number | null;
  readonly most: number | null;
  readonly inKey: boolean;
}

export type FieldKind =
  | "text"
  | "title"
  | "upper-case"
  | "hostname"
  | "json-schema"
  | "integer"
  | "float"
  | "boolean"
  | "enum"
  | "reference"
  | "ipv4"
  | "ipv6"
  | "url"
  | "uuid"
  | "duration"
  | "datetime"
  | "json"
  | "texts"
  | "asset-reports";

/** The type of that name, or null. Groups are no types. */
export function objectType(name: string): ObjectType | null {
  return Object.hasOwn(OBJECT_TYPES, name) ? (OBJECT_TYPES[name] ?? null) : null;
}

export function objectTypeNames(): readonly string[] {
  return Object.keys(OBJECT_TYPES);
}

/** `Hostname` of `Hostname|internet|example.com`. */
export function typeOfReference(reference: string): string {
  const end = reference.indexOf("|");
  return end < 0 ? reference : reference.slice(0, end);
}

/** `internet|example.com` of `Hostname|internet|example.com`. */
export function naturalKeyOfReference(reference: string): string {
  return reference.slice(reference.indexOf("|") + 1);
}
