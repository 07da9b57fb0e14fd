import type { OpenKatObject } from "../../domain/record.ts";

/** A field that names another object. */
export interface Relation {
  readonly field: string;
  /** Primary key of the other object. */
  readonly target: string;
}

/** The references of a validated object: fields (or entries of list fields) that hold a primary key. */
export function relationsOf(object: OpenKatObject): readonly Relation[] {
  return Object.entries(object).flatMap(([field, value]) => {
    if (field === "primary_key" || field === "object_type") return [];
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    return values.filter(isPrimaryKey).map((target) => ({ field, target }));
  });
}

function isPrimaryKey(value: unknown): value is string {
  return typeof value === "string" && /^[A-Z][A-Za-z0-9]*\|/u.test(value);
}

/** Type and readable key of an object: `Hostname`, `www.example.com`. The network is left out where it is the internet. */
export function nameOf(primaryKey: string): { readonly type: string; readonly key: string } {
  const [type = "", ...parts] = primaryKey.split("|");
  const key = parts[0] === "internet" && parts.length > 1 ? parts.slice(1) : parts;
  return { type, key: key.join("|") };
}
