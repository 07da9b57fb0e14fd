import { leastKeyParts, targetsOf } from "./model.ts";
import type { GeneratedFiles, Model, ModelField, ModelType } from "./model.ts";

type Json = Readonly<Record<string, unknown>>;

const FOLDER = "protocol/schemas/openkat/1";
const DRAFT = "https://json-schema.org/draft/2020-12/schema";

/** The JSON Schemas of `openkat/1`: one for each type, and those that they share. */
export function jsonSchemas(model: Model): GeneratedFiles {
  const schemas: Record<string, Json> = {
    enums: enums(model),
    reference: references(model),
    object: object(model),
    record: record(),
  };
  for (const type of model.types) schemas[type.name] = objectType(type);
  return new Map(
    Object.entries(schemas).map(([name, schema]) => [
      `${FOLDER}/${name}.json`,
      `${JSON.stringify({ $schema: DRAFT, $id: idOf(name), ...schema }, null, 2)}\n`,
    ]),
  );
}

function idOf(name: string): string {
  return `urn:whiskers:openkat:1:${name}`;
}

function enums({ enums: values }: Model): Json {
  const definitions = Object.entries(values).map(([name, members]) => [name, { enum: members }]);
  return { title: "Enums of openkat/1", $defs: Object.fromEntries(definitions) };
}

function references(model: Model): Json {
  const one = (names: readonly string[], description: string): Json => ({
    description,
    anyOf: [{ $ref: "#/$defs/link" }, { type: "string", pattern: keyPattern(model, names) }],
  });
  return {
    title: "References of openkat/1",
    description:
      "A reference is the primary key of an object, or a link to an object of the same output. A pattern asks for the fewest parts that a key of its type can have.",
    $defs: {
      id: { description: "Local name of an object, unique in its output.", type: "string", minLength: 1 },
      link: {
        description: "The object of the same output whose `$id` follows the `#`.",
        type: "object",
        properties: {
          $ref: { description: "`#` and the `$id`.", type: "string", pattern: "^#[\\s\\S]" },
        },
        required: ["$ref"],
        additionalProperties: false,
      },
      OOI: one(targetsOf(model, "OOI"), "Reference to an object of any type."),
      ...Object.fromEntries(
        Object.entries(model.groups).map(([group, members]) => [
          group,
          one(members, `Reference to one of the group ${group}: ${members.join(", ")}.`),
        ]),
      ),
      ...Object.fromEntries(model.types.map(({ name }) => [name, one([name], `Reference to a ${name}.`)])),
    },
  };
}

function keyPattern(model: Model, names: readonly string[]): string {
  const alternatives = names.map((name) => {
    const separators = leastKeyParts(model, name) - 1;
    return `${name}\\|${separators === 0 ? "" : `(?:[^|]*\\|){${separators}}`}`;
  });
  return `^(?:${alternatives.join("|")})`;
}

function objectType(type: ModelType): Json {
  return {
    title: type.name,
    description: type.description,
    type: "object",
    properties: {
      $id: {
        description: 'By what other objects of the same output refer to this one: `{"$ref": "#ID"}`.',
        $ref: `${idOf("reference")}#/$defs/id`,
      },
      object_type: { description: `Always "${type.name}".`, const: type.name },
      primary_key: {
        description: `Computed by the host; one that is given must be the same. ${keyDescription(type)}`,
        type: "string",
      },
      scan_profile: { description: "A record of its own; here only null.", type: "null" },
      user_id: { description: "The user of OpenKAT whose object it is.", type: ["integer", "null"] },
      ...Object.fromEntries(type.fields.map((field) => [field.name, fieldSchema(field, type)])),
    },
    required: ["object_type", ...type.fields.filter(({ required }) => required).map(({ name }) => name)],
    additionalProperties: false,
  };
}

function keyDescription({ name, key, hashed }: ModelType): string {
  const parts = key.map(({ field, form }) => {
    if (form === "value") return `\`${field}\``;
    return form === "full" ? `the key of \`${field}\`` : `the key of \`${field}\` without its type`;
  });
  const joined = `${name}, ${parts.join(", ")}, joined by \`|\``;
  return hashed === null
    ? `${joined}.`
    : `${joined}, with every occurrence of \`${hashed}\` replaced by its SHA-1.`;
}

function fieldSchema(field: ModelField, type: ModelType): Json {
  const { description = plainDescription(field), ...value } = valueSchema(field);
  const inKey = type.key.some(({ field: name }) => name === field.name) ? " Part of the primary key." : "";
  return { description: `${String(description)}${inKey}`, ...withNull(value, field) };
}

/** Of a kind whose schema does not say more. */
function plainDescription({ kind, target, enum: name, value }: ModelField): string {
  switch (kind) {
    case "reference":
      return `Its ${target === "OOI" ? "object" : String(target)}: a primary key, or a \`$ref\` to an object of the same output.`;
    case "enum":
      return `One of ${String(name)}.`;
    case "constant":
      return `Always ${JSON.stringify(value)}.`;
    case "integer":
      return "A whole number.";
    case "float":
      return "A number.";
    case "boolean":
      return "True or false.";
    case "texts":
      return "Texts.";
    default:
      return "A text.";
  }
}

function withNull(value: Json, field: ModelField): Json {
  if (!field.nullable) return { ...value, ...(field.required ? {} : { default: field.default ?? null }) };
  const nullable =
    typeof value["type"] === "string" ? { ...value, type: [value["type"], "null"] } : orNull(value);
  return field.required ? nullable : { ...nullable, default: null };
}

function orNull(value: Json): Json {
  return Array.isArray(value["type"])
    ? { ...value, type: [...(value["type"] as readonly unknown[]), "null"] }
    : { anyOf: [value, { type: "null" }] };
}

function valueSchema(field: ModelField): Json {
  switch (field.kind) {
    case "text":
      return { type: "string" };
    case "title":
      return { description: "Space around it is cut off.", type: "string", pattern: "\\S" };
    case "upper-case":
      return { description: "Stored in upper case, without space around it.", type: "string" };
    case "hostname":
      return {
        description:
          "Stored in lower case and as IDNA 2003 has it; letters, digits, `-` and `.`; no `-` at the end.",
        type: "string",
        maxLength: 65536,
      };
    case "json-schema":
      return {
        description: "The text of a JSON Schema of draft 2020-12.",
        type: "string",
        contentMediaType: "application/schema+json",
      };
    case "integer":
      return {
        type: "integer",
        minimum: field.least ?? Number.MIN_SAFE_INTEGER,
        maximum: field.most ?? Number.MAX_SAFE_INTEGER,
      };
    case "float":
      return {
        type: "number",
        ...(field.least === undefined ? {} : { minimum: field.least }),
        ...(field.most === undefined ? {} : { maximum: field.most }),
      };
    case "boolean":
      return { type: "boolean" };
    case "enum":
      return { $ref: `${idOf("enums")}#/$defs/${String(field.enum)}` };
    case "constant":
      return { const: field.value };
    case "reference":
      return { $ref: `${idOf("reference")}#/$defs/${String(field.target)}` };
    case "ipv4":
      return {
        description: "Dotted quad, no leading zeros.",
        type: "string",
        pattern: "^(?:(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(?:\\.(?!$)|$)){4}$",
      };
    case "ipv6":
      return {
        description: "Stored as RFC 5952 has it, IPv4-mapped addresses with a dotted quad; a scope is kept.",
        type: "string",
        pattern: "^[\\da-fA-F:.]{2,45}(?:%[^%]+)?$",
      };
    case "url":
      return {
        description: "Absolute; stored as the WHATWG URL standard serialises it.",
        type: "string",
        pattern: ":",
      };
    case "uuid":
      return {
        description: "Stored in lower case.",
        type: "string",
        pattern: "^[\\da-fA-F]{8}(?:-[\\da-fA-F]{4}){3}-[\\da-fA-F]{12}$",
      };
    case "duration":
      return {
        description: "ISO 8601, `D days, HH:MM:SS`, or a number of seconds; stored as ISO 8601.",
        type: ["string", "number"],
      };
    case "datetime":
      return {
        description: "ISO 8601 date and time; an offset may be missing.",
        type: "string",
        pattern: "^\\d{4}-\\d\\d-\\d\\d[Tt ]\\d\\d:\\d\\d",
      };
    case "json":
      return { description: "Any JSON object.", type: "object" };
    case "texts":
      return { type: "array", items: { type: "string" } };
    case "asset-reports":
      return {
        description: "Asset reports without `$id` and links, or primary keys.",
        type: "array",
        items: { anyOf: [{ type: "string" }, { $ref: idOf("AssetReport") }] },
      };
    default:
      throw new Error(`object-model.json: no kind ${field.kind}`);
  }
}

function object({ types }: Model): Json {
  return {
    title: "Object of openkat/1",
    type: "object",
    properties: {
      object_type: { description: "Of OpenKAT's object model.", enum: types.map(({ name }) => name) },
    },
    required: ["object_type"],
    anyOf: types.map(({ name }) => ({ $ref: idOf(name) })),
  };
}

function record(): Json {
  const form = (name: string, properties: Json, required: readonly string[], description: string): Json => ({
    description,
    type: "object",
    properties: { record_type: { description: `Always "${name}".`, const: name }, ...properties },
    required: ["record_type", ...required],
    additionalProperties: false,
  });
  const held = { object: { description: "The object that is meant.", $ref: idOf("object") } };
  const aware = {
    description: "Until when it exists; ISO 8601 with an offset. Not given: until it is taken back.",
    type: ["string", "null"],
    pattern: "^\\d{4}-\\d\\d-\\d\\d[Tt ].*(?:[Zz]|[+-]\\d\\d:?\\d\\d)$",
  };
  return {
    title: "Record of openkat/1",
    description: "One record of a normalizer's output.",
    anyOf: [
      { $ref: idOf("object") },
      ...["declaration", "affirmation", "scan_profile", "raw", "reference"].map((name) => ({
        $ref: `#/$defs/${name}`,
      })),
    ],
    $defs: {
      declaration: form(
        "declaration",
        { ...held, end_valid_time: { ...aware, default: null } },
        ["object"],
        "An object that exists because somebody says so, until `end_valid_time` (ISO 8601, with an offset) if that is given.",
      ),
      affirmation: form(
        "affirmation",
        held,
        ["object"],
        "Facts about an object that something else has found.",
      ),
      scan_profile: form(
        "scan_profile",
        {
          reference: { description: "Whose profile it is.", $ref: `${idOf("reference")}#/$defs/OOI` },
          level: {
            description: "From 0, not at all, to 4, whatever it takes.",
            type: "integer",
            minimum: 0,
            maximum: 4,
          },
          user_id: {
            description: "The user of OpenKAT who set it.",
            type: ["integer", "null"],
            default: null,
          },
        },
        ["reference", "level"],
        "The level to which an object may be scanned.",
      ),
      raw: form(
        "raw",
        {
          mime_types: {
            description: "By these other normalizers find it.",
            type: "array",
            minItems: 1,
            items: { type: "string", pattern: "^[\\u0021-\\u007e][\\u0020-\\u007e]{0,254}$" },
          },
          content: { description: "RFC 4648, section 4.", type: "string", contentEncoding: "base64" },
        },
        ["mime_types", "content"],
        "A raw file that was found in the raw file.",
      ),
      reference: form(
        "reference",
        held,
        ["object"],
        "Names an object, so that others can refer to its `$id`, without claiming that it exists.",
      ),
    },
  };
}
