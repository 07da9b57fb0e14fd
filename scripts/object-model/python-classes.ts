import { GENERATED_BY } from "./model.ts";
import type { GeneratedFiles, Model, ModelField, ModelType } from "./model.ts";

/** The classes of the Python SDK: a table from which they are made when asked for, and a stub for editors. */
export function pythonClasses(model: Model): GeneratedFiles {
  return new Map([
    ["sdk/python/whiskers/objects.py", table(model)],
    ["sdk/python/whiskers/objects.pyi", stub(model)],
  ]);
}

function table({ types }: Model): string {
  return [
    '"""OpenKAT\'s object types, as classes, each made when it is first asked for; `objects.pyi` declares them.',
    "",
    GENERATED_BY,
    '"""',
    "",
    "from whiskers.records import OpenKatObject, object_class",
    "",
    "#: Name: what it is, and its fields in order.",
    "TYPES = {",
    ...types.map(
      ({ name, description, fields }) =>
        `    "${name}": (${JSON.stringify(description)}, "${fields.map((field) => field.name).join(" ")}"),`,
    ),
    "}",
    "",
    "__all__ = list(TYPES)",
    "",
    "",
    "def __getattr__(name):",
    "    if name not in TYPES:",
    "        raise AttributeError(\"module 'whiskers.objects' has no attribute %r\" % name)",
    "    made = globals()[name] = object_class(name, *TYPES[name])",
    "    return made",
    "",
  ].join("\n");
}

function stub(model: Model): string {
  return [
    `# ${GENERATED_BY}`,
    "from datetime import datetime, timedelta",
    "from ipaddress import IPv4Address, IPv6Address",
    "from typing import Any, Dict, List, Optional, Union",
    "from uuid import UUID",
    "",
    "from whiskers.records import OpenKatObject as OpenKatObject",
    ...model.types.flatMap((type) => ["", ...classOf(type)]),
    "",
  ].join("\n");
}

function classOf(type: ModelType): string[] {
  const hints = type.fields.map((field) => [field, hintOf(field)] as const);
  return [
    `class ${type.name}(OpenKatObject):`,
    `    """${type.description}"""`,
    ...hints.map(([{ name }, hint]) => `    ${name}: ${hint}`),
    "    def __init__(",
    "        self,",
    ...positional(type).map(([field, required]) => {
      const hint = hints.find(([{ name }]) => name === field.name)?.[1] ?? "Any";
      return `        ${field.name}: ${hint}${required ? "" : " = ..."},`;
    }),
    "    ) -> None: ...",
  ];
}

/** In the order of the fields; Python wants no required argument after an optional one. */
function positional({ fields }: ModelType): (readonly [ModelField, boolean])[] {
  const last = fields.findLastIndex(({ required }) => required);
  const firstOptional = fields.findIndex(({ required }) => !required);
  const allOptional = firstOptional >= 0 && firstOptional < last;
  return fields.map((field) => [field, field.required && !allOptional]);
}

function hintOf(field: ModelField): string {
  const hint = valueHint(field);
  return field.nullable ? `Optional[${hint}]` : hint;
}

function valueHint({ kind, target }: ModelField): string {
  switch (kind) {
    case "integer":
      return "int";
    case "float":
      return "float";
    case "boolean":
      return "bool";
    case "reference":
      return "Union[OpenKatObject, str]".replace(
        "OpenKatObject",
        isType(target) ? `"${String(target)}"` : "OpenKatObject",
      );
    case "ipv4":
      return "Union[str, IPv4Address]";
    case "ipv6":
      return "Union[str, IPv6Address]";
    case "uuid":
      return "Union[str, UUID]";
    case "duration":
      return "Union[str, float, timedelta]";
    case "datetime":
      return "Union[str, datetime]";
    case "json":
      return "Dict[str, Any]";
    case "texts":
    case "asset-reports":
      return "List[str]";
    default:
      return "str";
  }
}

/** Whether a target is one type; a group's or any object is hinted as what they have in common. */
function isType(target: string | undefined): boolean {
  return !["OOI", "IPAddress", "NetBlock", "WebURL", "FindingType", undefined].includes(target);
}
