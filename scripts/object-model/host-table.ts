import { GENERATED_BY, leastKeyParts, targetsOf } from "./model.ts";
import type { GeneratedFiles, Model, ModelField, ModelType } from "./model.ts";

/** The model as the records stage reads it: rows of one shape, in the order of the model. */
export function hostTable(model: Model): GeneratedFiles {
  const lines = [
    `// ${GENERATED_BY}`,
    'import type { ObjectType } from "./object-model.ts";',
    "",
    "export const OBJECT_TYPES: Readonly<Record<string, ObjectType>> = {",
    ...model.types.map((type) => `  ${type.name}: ${row(model, type)},`),
    "};",
    "",
  ];
  return new Map([["src/records/object-model.generated.ts", lines.join("\n")]]);
}

function row(model: Model, type: ModelType): string {
  const groups = Object.keys(model.groups).filter((group) => model.groups[group]?.includes(type.name));
  const head = { name: type.name, groups, traversable: type.traversable, key: type.key, hashed: type.hashed };
  const keyParts = leastKeyParts(model, type.name);
  const fields = type.fields.map((field) => `      ${JSON.stringify(fieldRow(model, type, field))},`);
  return `{\n    ...${JSON.stringify({ ...head, keyParts })},\n    fields: [\n${fields.join("\n")}\n    ],\n  }`.replace(
    /\.\.\.\{(.*)\},\n/u,
    "$1,\n",
  );
}

function fieldRow(model: Model, type: ModelType, field: ModelField): Readonly<Record<string, unknown>> {
  const constant = field.value === undefined ? null : [field.value];
  const values = constant ?? (field.enum === undefined ? [] : model.enums[field.enum]);
  if (values === undefined) throw new Error(`object-model.json: no enum ${String(field.enum)}`);
  const any = field.target === undefined || field.target === "OOI";
  return {
    name: field.name,
    kind: field.kind === "constant" ? "enum" : field.kind,
    required: field.required,
    nullable: field.nullable,
    default: field.default ?? null,
    values,
    targets: any ? [] : targetsOf(model, field.target ?? ""),
    least: field.least ?? null,
    most: field.most ?? null,
    inKey: type.key.some((part) => part.field === field.name),
  };
}
