import { GENERATED_BY } from "./model.ts";
import type { GeneratedFiles, Model, ModelField, ModelType } from "./model.ts";

/** The classes of the PHP SDK: fields are kept by name, and declared for editors. */
export function phpClasses(model: Model): GeneratedFiles {
  const lines = [
    "<?php",
    "",
    `/** OpenKAT's object types, as classes. ${GENERATED_BY} */`,
    "",
    "declare(strict_types=1);",
    "",
    "namespace Whiskers;",
    ...model.types.flatMap((type) => ["", ...classOf(model, type)]),
    "",
  ];
  return new Map([["sdk/php/src/objects.php", lines.join("\n")]]);
}

function classOf(model: Model, type: ModelType): string[] {
  return [
    "/**",
    ` * ${type.description}`,
    ...type.fields.map(
      (field) => ` * @property ${typeOf(model, field)} $${field.name}${noteOf(model, field)}`,
    ),
    " */",
    `final class ${type.name} extends OpenKatObject`,
    "{",
    `    public const FIELDS = [${type.fields.map(({ name }) => `'${name}'`).join(", ")}];`,
    "}",
  ];
}

function noteOf(model: Model, field: ModelField): string {
  if (field.enum === undefined) return "";
  return ` ${(model.enums[field.enum] ?? []).join(", ")}`;
}

function typeOf(model: Model, field: ModelField): string {
  const type = valueType(model, field);
  return field.nullable || !field.required ? `${type}|null` : type;
}

function valueType(model: Model, { kind, target = "" }: ModelField): string {
  switch (kind) {
    case "integer":
      return "int";
    case "float":
      return "float";
    case "boolean":
      return "bool";
    case "reference":
      return `${target === "OOI" ? "OpenKatObject" : (model.groups[target] ?? [target]).join("|")}|string`;
    case "duration":
      return "string|float";
    case "datetime":
      return String.raw`string|\DateTimeInterface`;
    case "json":
      return "array<string, mixed>";
    case "texts":
    case "asset-reports":
      return "list<string>";
    default:
      return "string";
  }
}
