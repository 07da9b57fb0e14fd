import type { OpenKatObject } from "../domain/record.ts";
import type { Field, ObjectType } from "./object-model.ts";

/** An object on its way from a record to the result. */
export interface Draft {
  /** Position in the output of the record that holds it. */
  readonly record: number;
  /** JSON pointer from the record to the object. */
  readonly path: string;
  /** Null when `object_type` is missing or unknown: such a draft is rejected. */
  readonly type: ObjectType | null;
  readonly id: string | null;
  /** `primary_key` as it was given; it has to equal the computed one. */
  readonly given: string | null;
  /** Values in normal form, in the order of the fields; null where a link is yet to be followed. */
  readonly values: Record<string, unknown>;
  /** Fields that refer to another object of the same output. */
  readonly links: readonly Link[];
  /** `checked`: its own values are right; `keyed`: its key is known; `rejected`: it goes nowhere. */
  state: "checked" | "keyed" | "rejected";
  /** Null until it is known; a rejected draft may have one too. */
  key: string | null;
}

export interface Link {
  readonly field: Field;
  /** Without `#`. */
  readonly id: string;
  /** JSON pointer from the record to the field. */
  readonly path: string;
}

/** The object of a draft that has a key. */
export function objectOf(draft: Draft): OpenKatObject {
  return draft.values as OpenKatObject;
}
