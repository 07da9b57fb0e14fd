import { GENERATED_BY, targetsOf } from "./model.ts";
import type { GeneratedFiles, Model, ModelField, ModelType } from "./model.ts";

/**
 * The types of the Rust SDK: a struct for each object type. A group that is referred to is a type without values,
 * and a reference to a type of it becomes one to the group by `.into()`.
 */
export function rustTypes(model: Model): GeneratedFiles {
  const lines = [
    `//! OpenKAT's object types. ${GENERATED_BY}`,
    "",
    "use crate::{Object, Reference, Value};",
    ...groups(model).flatMap((group) => ["", ...groupOf(model, group)]),
    ...model.types.flatMap((type) => ["", ...structOf(type)]),
    "",
  ];
  return new Map([["sdk/rust/src/objects.rs", lines.join("\n")]]);
}

function groups(model: Model): readonly string[] {
  const targets = model.types.flatMap(({ fields }) => fields.flatMap(({ target }) => target ?? []));
  const names = new Set(model.types.map(({ name }) => name));
  return [...new Set(targets)].filter((target) => !names.has(target)).toSorted();
}

function groupOf(model: Model, group: string): string[] {
  const targets = targetsOf(model, group);
  return [
    `/// ${group === "OOI" ? "Any object" : `One of ${targets.join(", ")}`}, as what a reference refers to.`,
    `pub enum ${group} {}`,
    ...targets.flatMap((name) => [
      "",
      `impl From<Reference<${name}>> for Reference<${group}> {`,
      `    fn from(reference: Reference<${name}>) -> Self {`,
      "        reference.cast()",
      "    }",
      "}",
    ]),
  ];
}

function structOf({ name, description, fields }: ModelType): string[] {
  return [
    `/// ${description}`,
    "#[derive(Clone, Default)]",
    `pub struct ${name} {`,
    ...fields.map((field) => `    pub ${field.name}: ${typeOf(field)},`),
    "}",
    "",
    `impl Object for ${name} {`,
    `    const OBJECT_TYPE: &'static str = "${name}";`,
    "",
    "    fn fields(self) -> Vec<(&'static str, Value)> {",
    "        let mut fields = Vec::new();",
    ...fields.flatMap((field) =>
      field.required
        ? [`        fields.push(("${field.name}", self.${field.name}.into()));`]
        : [
            `        if let Some(value) = self.${field.name} {`,
            `            fields.push(("${field.name}", value.into()));`,
            "        }",
          ],
    ),
    "        fields",
    "    }",
    "}",
  ];
}

function typeOf(field: ModelField): string {
  const type = valueType(field);
  return field.required && !field.nullable ? type : `Option<${type}>`;
}

function valueType({ kind, target }: ModelField): string {
  switch (kind) {
    case "integer":
      return "i64";
    case "float":
      return "f64";
    case "boolean":
      return "bool";
    case "reference":
      return `Reference<${target ?? ""}>`;
    case "json":
      return "Value";
    case "texts":
    case "asset-reports":
      return "Vec<String>";
    default:
      return "String";
  }
}
