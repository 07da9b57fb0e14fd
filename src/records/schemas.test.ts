import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";

import { objectType, objectTypeNames } from "./object-model.ts";
import type { Field, ObjectType } from "./object-model.ts";
import { collect, readVectors } from "./testing/collect.ts";

type Json = Record<string, unknown>;

const FOLDER = join(import.meta.dirname, "../../protocol/schemas/openkat/1");

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictTypes: false, allErrors: true });
for (const file of globSync("*.json", { cwd: FOLDER })) {
  ajv.addSchema(JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as Json);
}

/** The published schema and the collector are two readings of one model: they have to agree. */
async function both(record: unknown, accepted: boolean, why: string): Promise<readonly string[]> {
  const schema = ajv.getSchema("urn:whiskers:openkat:1:record");
  assert.ok(schema !== undefined);
  assert.equal(schema(record), accepted, `schema: ${why}: ${JSON.stringify(record)}`);
  const { rejections } = await collect([record]);
  assert.equal(
    rejections.length === 0,
    accepted,
    `collector: ${why}: ${JSON.stringify({ record, rejections })}`,
  );
  return rejections.map(({ path }) => path);
}

for (const name of objectTypeNames()) {
  const type = objectType(name);
  assert.ok(type !== null);
  describe(name, () => {
    test("accepted with what is required, and with all", async () => {
      await both(example(type, false), true, "required");
      await both(example(type, true), true, "all");
      await both({ ...example(type, true), scan_profile: null, user_id: null, $id: "x" }, true, "common");
    });

    test("refused without what is required, with what is unknown, and with values that do not fit", async () => {
      for (const field of type.fields) {
        const { [field.name]: _, ...without } = example(type, true);
        const paths = await both(without, !field.required, `without ${field.name}`);
        if (field.required) assert.deepEqual(paths, [`/${field.name}`]);
        await both({ ...example(type, true), [field.name]: null }, field.nullable, `${field.name} null`);
        for (const wrong of wrongValues(field)) {
          const wrongPaths = await both({ ...example(type, true), [field.name]: wrong }, false, field.name);
          assert.equal(wrongPaths[0]?.split("/")[1], field.name);
        }
      }
      assert.deepEqual(await both({ ...example(type, true), "x/y": 1 }, false, "unknown"), ["/x~1y"]);
      await both({ ...example(type, true), object_type: `${name}x` }, false, "type");
      await both({ ...example(type, true), scan_profile: {} }, false, "profile");
      await both({ ...example(type, true), user_id: 1 }, true, "user");
      await both({ ...example(type, true), user_id: "1" }, false, "user");
      await both({ ...example(type, true), primary_key: null }, false, "primary key null");
    });
  });
}

test("groups are no object types", async () => {
  for (const name of ["OOI", "IPAddress", "FindingType", "constructor", "__proto__", ""]) {
    await both({ object_type: name, name: "x" }, false, name);
  }
});

test("the other forms of records", async () => {
  const object = { object_type: "Network", name: "internet" };
  const reference = "Network|internet";
  const accepted = [
    { record_type: "declaration", object },
    { record_type: "declaration", object, end_valid_time: null },
    { record_type: "declaration", object, end_valid_time: "2026-01-31T12:00:00+01:00" },
    { record_type: "affirmation", object },
    { record_type: "reference", object },
    { record_type: "scan_profile", reference, level: 0 },
    { record_type: "scan_profile", reference, level: 4, user_id: 7 },
    { record_type: "raw", mime_types: ["text/plain"], content: "aGk=" },
    { record_type: "raw", mime_types: ["error/normalizer", "x"], content: "" },
  ];
  const refused = [
    [],
    null,
    "Network|internet",
    { record_type: "declaration" },
    { record_type: "declaration", object, end_valid_time: "2026-01-31T12:00:00" },
    { record_type: "declaration", object, end_valid_time: 5 },
    { record_type: "declaration", object, extra: 1 },
    { record_type: "declaration", object: { ...object, x: 1 } },
    { record_type: "declaration", object: reference },
    { record_type: "affirmation", object, end_valid_time: null },
    { record_type: "object", object },
    { record_type: null, object },
    { record_type: "scan_profile", reference, level: 5 },
    { record_type: "scan_profile", reference, level: 1.5 },
    { record_type: "scan_profile", reference, level: "1" },
    { record_type: "scan_profile", reference: "OOI|x", level: 1 },
    { record_type: "scan_profile", reference: { $ref: "#a", x: 1 }, level: 1 },
    { record_type: "scan_profile", level: 1 },
    { record_type: "raw", mime_types: [], content: "" },
    { record_type: "raw", mime_types: "text/plain", content: "" },
    { record_type: "raw", mime_types: ["text/plain"] },
  ];
  for (const record of accepted) await both(record, true, "form");
  for (const record of refused) await both(record, false, "form");
});

test("every golden object fits its published schema", () => {
  const schema = ajv.getSchema("urn:whiskers:openkat:1:object");
  for (const { json } of readVectors("golden")) {
    assert.ok(schema?.(json), JSON.stringify(json));
  }
});

function example(type: ObjectType, all: boolean): Json {
  const values: Json = { object_type: type.name };
  for (const field of type.fields) if (all || field.required) values[field.name] = exampleValue(field);
  return values;
}

function exampleValue(field: Field): unknown {
  switch (field.kind) {
    case "reference":
      return exampleKey(objectType(field.targets[0] ?? "Hostname"));
    case "integer":
      return field.least ?? 1;
    case "float":
      return 1.5;
    case "boolean":
      return true;
    case "enum":
      return field.values[0];
    case "ipv4":
      return "192.0.2.1";
    case "ipv6":
      return "2001:db8::1";
    case "url":
      return "https://example.com/";
    case "uuid":
      return "12345678-1234-5678-1234-567812345678";
    case "duration":
      return "P30D";
    case "datetime":
      return "2026-01-31T12:00:00Z";
    case "json":
      return { a: [1, { b: null }] };
    case "json-schema":
      return "{}";
    case "texts":
      return ["a"];
    case "asset-reports":
      return ["AssetReport|a|b", example(objectTypeOrFail("AssetReport"), true)];
    default:
      return "x";
  }
}

function exampleKey(type: ObjectType | null): string {
  return `${type?.name}|${Array.from({ length: type?.keyParts ?? 0 }, () => "x").join("|")}`;
}

/** Every one has to be refused, by both. */
function wrongValues(field: Field): readonly unknown[] {
  switch (field.kind) {
    case "reference": {
      const target = objectTypeOrFail(field.targets[0] ?? "Hostname");
      const short = `${target.name}|${"x|".repeat(target.keyParts - 1).slice(0, -1)}`;
      const other = field.targets.includes("Application") ? "Service|x" : "Application|x";
      return [
        5,
        "",
        "x",
        "OOI|x",
        target.name,
        `${target.name}x|x|x`,
        {},
        { $ref: "x" },
        { $ref: "#" },
        { $ref: "#a", also: 1 },
        [],
        ...(field.targets.length > 0 ? [other] : []),
        ...(target.keyParts > 1 ? [short] : []),
      ];
    }
    case "integer":
      return [
        "1",
        1.5,
        true,
        2 ** 60,
        ...(field.least === null ? [] : [field.least - 1, (field.most ?? 0) + 1]),
      ];
    case "float":
      return ["1", true, ...(field.least === null ? [] : [181, -181])];
    case "boolean":
      return [0, "true"];
    case "enum":
      return ["TCP?", 1, ""];
    case "ipv4":
      return [16909060, "1.2.3", "01.2.3.4", "1.2.3.4.", "1.2.3.4/8"];
    case "ipv6":
      return [1, "x", "[::1]", "::1/64"];
    case "url":
      return [1, "example.com", ""];
    case "uuid":
      return ["x", "123456781234567812345678123456781"];
    case "datetime":
      return [5, "x", "2026-01-31"];
    case "duration":
      return [true, []];
    case "json":
      return [[], "x", 5];
    case "texts":
      return ["a", [1], {}];
    case "asset-reports":
      return ["a", [1], [{ object_type: "Network", name: "x" }]];
    case "title":
      return [1, "", " \t"];
    default:
      return [1, true, {}, []];
  }
}

function objectTypeOrFail(name: string): ObjectType {
  const type = objectType(name);
  assert.ok(type !== null);
  return type;
}

test("an editor can say of every property what it is for", () => {
  const schemas = join(import.meta.dirname, "../../protocol/schemas");
  const nameless = globSync("**/*.json", { cwd: schemas }).flatMap((file) =>
    withoutText(JSON.parse(readFileSync(join(schemas, file), "utf8")), file),
  );
  assert.deepEqual(nameless, []);
});

/** They say more of properties that are described elsewhere. */
const CONDITIONS: ReadonlySet<string> = new Set(["if", "then", "else"]);

/** Pointers to properties that say nothing of themselves, wherever in a schema they are. */
function withoutText(schema: unknown, pointer: string): readonly string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const { properties } = schema as { readonly properties?: unknown };
  const described = typeof properties === "object" && properties !== null ? Object.entries(properties) : [];
  return [
    ...described.filter(([, one]) => !saysSomething(one)).map(([name]) => `${pointer}/${name}`),
    ...Object.entries(schema)
      .filter(([key]) => !CONDITIONS.has(key))
      .flatMap(([key, value]) => withoutText(value, `${pointer}/${key}`)),
  ];
}

/** `false` forbids a property, and says all. A property may itself be called `properties`. */
function saysSomething(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null) return true;
  return typeof (schema as { readonly description?: unknown }).description === "string";
}
