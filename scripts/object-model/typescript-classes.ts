import { GENERATED_BY } from "./model.ts";
import type { GeneratedFiles, Model, ModelField, ModelType } from "./model.ts";

/** The classes of the TypeScript SDK. */
export function typescriptClasses(model: Model): GeneratedFiles {
  const lines = [
    `/** OpenKAT's object types, as classes. ${GENERATED_BY} */`,
    'import { OpenKatObject } from "./records.ts";',
    'import type { Fields } from "./records.ts";',
    "",
    ...Object.entries(model.enums).map(([name, values]) => `export type ${name} = ${union(values)};`),
    "",
    ...Object.entries(model.groups).map(([name, members]) => `export type ${name} = ${members.join(" | ")};`),
    ...model.types.flatMap((type) => ["", ...classOf(type)]),
    "",
  ];
  return new Map([["sdk/typescript/objects.ts", lines.join("\n")]]);
}

function classOf(type: ModelType): string[] {
  return [
    `/** ${type.description} */`,
    `export class ${type.name} extends OpenKatObject {`,
    `  declare readonly object_type: "${type.name}";`,
    ...type.fields.map((field) => `  declare ${field.name}${field.required ? "" : "?"}: ${typeOf(field)};`),
    `  constructor(fields: Fields<${type.name}>) {`,
    `    super("${type.name}", fields);`,
    "  }",
    "}",
  ];
}

function typeOf(field: ModelField): string {
  return field.nullable ? `${valueType(field)} | null` : valueType(field);
}

function valueType(field: ModelField): string {
  switch (field.kind) {
    case "integer":
    case "float":
      return "number";
    case "boolean":
      return "boolean";
    case "enum":
      return String(field.enum);
    case "constant":
      return JSON.stringify(field.value);
    case "reference":
      return `${field.target === "OOI" ? "OpenKatObject" : String(field.target)} | string`;
    case "duration":
      return "string | number";
    case "datetime":
      return "string | Date";
    case "json":
      return "Readonly<Record<string, unknown>>";
    case "texts":
      return "readonly string[]";
    case "asset-reports":
      return "readonly string[]";
    default:
      return "string";
  }
}

function union(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(" | ");
}
