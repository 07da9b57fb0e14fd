import { GENERATED_BY } from "./model.ts";
import type { GeneratedFiles, Model, ModelField, ModelType } from "./model.ts";
import { MEMBERS, MODULES, OTHER_ENUMS, READABLE } from "./openkat-python.ts";

const FOLDER = "sdk/python/openkat";

/** The stand-in of OpenKAT's Python modules: a table of the object model, and modules that offer what is in it. */
export function openkatStandIn(model: Model): GeneratedFiles {
  return new Map([
    [`${FOLDER}/openkat_stand_in/table.py`, table(model)],
    ...Object.entries(MODULES).map(
      ([name, names]) => [`${FOLDER}/octopoes/models/ooi/${name}.py`, moduleOf(name, names)] as const,
    ),
  ]);
}

function moduleOf(name: string, names: readonly string[]): string {
  return [
    `"""What OpenKAT's module \`octopoes.models.ooi.${name.replace("/", ".")}\` offers to normalizers.`,
    "",
    GENERATED_BY,
    '"""',
    "",
    "from openkat_stand_in.make import offer",
    "",
    "__all__ = (",
    ...names.map((one) => `    ${text(one)},`),
    ")",
    "",
    "__getattr__ = offer(__name__)",
    "",
  ].join("\n");
}

function table(model: Model): string {
  const enums = { ...model.enums, ...OTHER_ENUMS };
  return [
    '"""OpenKAT\'s object model, as its Python has it.',
    "",
    GENERATED_BY,
    '"""',
    "",
    "#: Module below `octopoes.models.ooi` in which a type, group or enum is defined.",
    "MODULES = {",
    ...Object.entries(MODULES).flatMap(([name, names]) =>
      names.map((one) => `    ${text(one)}: ${text(name.replace("/", "."))},`),
    ),
    "}",
    "",
    "#: Enum: names of its members, and their values.",
    "ENUMS = {",
    ...Object.entries(enums).map(([name, values]) => `    ${text(name)}: (${membersOf(name, values)}),`),
    "}",
    "",
    "#: Group: its types.",
    "GROUPS = {",
    ...Object.entries(model.groups).map(([name, types]) => `    ${text(name)}: ${tuple(types.map(text))},`),
    "}",
    "",
    "#: Type: its group or None; what its natural key is joined from, `*`: a reference with its type; the field whose",
    "#: text is replaced by its SHA-1 in the key, or None; may OpenKAT walk through it; what `human_readable` gives, or",
    "#: None; fields: name, kind, required, nullable, default, target, enum, constant or bounds.",
    "TYPES = {",
    ...model.types.flatMap((type) => [
      `    ${text(type.name)}: (`,
      `        ${[groupOf(model, type), key(type), type.hashed].map(literal).join(", ")}, ${type.traversable ? "True" : "False"},`,
      `        ${literal(READABLE[type.name] ?? null)},`,
      "        (",
      ...type.fields.map((field) => `            ${fieldOf(field)},`),
      "        ),",
      "    ),",
    ]),
    "}",
    "",
  ].join("\n");
}

function membersOf(name: string, values: readonly string[]): string {
  const names = MEMBERS[name] ?? values.map((value) => value.toUpperCase());
  if (names.length !== values.length) throw new Error(`openkat-python.ts: members of ${name}`);
  return names.map((member, at) => `(${text(member)}, ${text(values[at] ?? "")})`).join(", ");
}

function groupOf({ groups }: Model, { name }: ModelType): string | null {
  return Object.entries(groups).find(([, types]) => types.includes(name))?.[0] ?? null;
}

function key(type: ModelType): string {
  return type.key.map(({ field, form }) => field + (form === "full" ? "*" : "")).join(" ");
}

function fieldOf(field: ModelField): string {
  const bounds = field.least === undefined ? null : `(${field.least}, ${String(field.most)})`;
  const argument = bounds ?? literal(field.target ?? field.enum ?? field.value ?? null);
  const flags = [field.required, field.nullable].map((flag) => (flag ? "True" : "False"));
  return `(${text(field.name)}, ${text(field.kind)}, ${flags.join(", ")}, ${literal(field.default ?? null)}, ${argument})`;
}

function tuple(items: readonly string[]): string {
  return `(${items.join(", ")}${items.length === 1 ? "," : ""})`;
}

function literal(value: string | null): string {
  return value === null ? "None" : text(value);
}

/** A text as Python writes it; none here has a character that JSON and Python write differently. */
function text(value: string): string {
  return JSON.stringify(value);
}
