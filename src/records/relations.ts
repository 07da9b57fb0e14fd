import type { OpenKatObject } from "../domain/record.ts";
import { objectType } from "./object-model.ts";

export interface Relation {
  readonly field: string;
  /** Primary key of the object that it points at, which need not be part of the same output. */
  readonly target: string;
}

/** What an object refers to, in the order of its fields; empty when its type is not known. */
export function relationsOf(object: OpenKatObject): readonly Relation[] {
  const fields = objectType(object.object_type)?.fields ?? [];
  return fields.flatMap(({ name, kind }) => {
    const target = object[name];
    return kind === "reference" && typeof target === "string" ? [{ field: name, target }] : [];
  });
}
