import assert from "node:assert/strict";
import { test } from "node:test";

import * as fc from "fast-check";

import type { Records } from "../domain/record.ts";
import { objectType, objectTypeNames } from "./object-model.ts";
import type { Field } from "./object-model.ts";
import { primaryKey } from "./primary-key.ts";
import { collect } from "./testing/collect.ts";

type Json = Record<string, unknown>;

/** Objects of every type, in and out of normal form; few different values, so that variants meet. */
const anyObject: fc.Arbitrary<Json> = fc.constantFrom(...objectTypeNames()).chain((name) => {
  const type = objectType(name);
  assert.ok(type !== null);
  const fields = type.fields.map((field) => [field.name, valueOf(field)] as const);
  return fc
    .record(Object.fromEntries(fields), {
      requiredKeys: type.fields.filter(({ required }) => required).map((field) => field.name),
    })
    .map((values) => ({ object_type: name, ...values }));
});

test("what was normalised stays as it is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyObject, { minLength: 1, maxLength: 8 }), async (given) => {
      const first = await collect(given);
      assert.deepEqual(first.rejections, []);
      const second = await collect(first.objects);
      assert.deepEqual(second, first);
      for (const object of first.objects) assert.equal(primaryKey(object), object.primary_key);
    }),
    { numRuns: 300 },
  );
});

test("the order of records does not matter to what comes out, but for conflicts", async () => {
  const someOrders = fc
    .array(anyObject, { minLength: 1, maxLength: 8 })
    .chain((given) => fc.tuple(fc.constant(given), fc.shuffledSubarray(given, { minLength: given.length })));
  await fc.assert(
    fc.asyncProperty(someOrders, async ([given, shuffled]) => {
      assert.deepEqual(keysOf(await collect(shuffled)), keysOf(await collect(given)));
    }),
    { numRuns: 200 },
  );
});

test("links come out the same in any order of the records", async () => {
  const chain = [
    { object_type: "Network", $id: "n", name: "internet" },
    { object_type: "Hostname", $id: "h", network: { $ref: "#n" }, name: "a.b", dns_zone: { $ref: "#z" } },
    { object_type: "DNSZone", $id: "z", hostname: { $ref: "#h" } },
    { object_type: "IPAddressV4", $id: "i", network: { $ref: "#n" }, address: "192.0.2.1" },
    { object_type: "ResolvedHostname", $id: "r", hostname: { $ref: "#h" }, address: { $ref: "#i" } },
    { object_type: "Finding", ooi: { $ref: "#r" }, finding_type: "KATFindingType|KAT-X" },
  ];
  const byKey = (records: Records): unknown =>
    records.objects.toSorted((one, other) => (one.primary_key < other.primary_key ? -1 : 1));
  const expected = byKey(await collect(chain));
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(chain, { minLength: chain.length }), async (shuffled) => {
      const records = await collect(shuffled);
      assert.deepEqual(records.rejections, []);
      assert.deepEqual(byKey(records), expected);
    }),
    { numRuns: 200 },
  );
});

test("merging in two steps is merging in one", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyObject, { maxLength: 6 }),
      fc.array(anyObject, { maxLength: 6 }),
      async (one, other) => {
        const twice = [...one, ...other, ...one];
        const stepwise = [...(await collect([...one, ...other])).objects, ...one];
        assert.deepEqual(await collect(twice), await collect(stepwise));
      },
    ),
    { numRuns: 200 },
  );
});

test("no JSON makes it throw, and nothing is lost without a word", async () => {
  const almost = fc
    .tuple(
      anyObject,
      fc.dictionary(
        fc.oneof(fc.constantFrom("$id", "primary_key", "name", "__proto__", "port"), fc.string()),
        fc.jsonValue(),
      ),
    )
    .map(([object, more]) => JSON.stringify({ ...object, ...more }));
  const forms = fc
    .record(
      {
        record_type: fc.constantFrom("declaration", "affirmation", "raw", "scan_profile", "reference", "x"),
        object: fc.oneof(anyObject, fc.jsonValue()),
        reference: fc.oneof(fc.constant({ $ref: "#a" }), fc.jsonValue()),
        level: fc.jsonValue(),
        content: fc.jsonValue(),
        mime_types: fc.jsonValue(),
      },
      { requiredKeys: ["record_type"] },
    )
    .map((record) => JSON.stringify(record));
  const garbage = fc
    .oneof(fc.json(), fc.string(), fc.string({ unit: "binary" }))
    .map((text) => text.replaceAll("\n", " "));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.oneof(almost, forms, garbage), { maxLength: 6 }), async (lines) => {
      const { objects, declarations, affirmations, raws, scanProfiles, recordsRejected } =
        await collect(lines);
      const out = [objects, declarations, affirmations, raws, scanProfiles].reduce(
        (sum, list) => sum + list.length,
        0,
      );
      assert.ok(out + recordsRejected <= lines.length);
      if (lines.length > 0 && recordsRejected === 0 && !lines.some((line) => line.includes("reference")))
        assert.ok(out > 0);
    }),
    { numRuns: 500 },
  );
});

function keysOf({ objects, rejections }: Records): unknown {
  assert.deepEqual(rejections, []);
  return objects.map(({ primary_key: key }) => key).toSorted();
}

function valueOf(field: Field): fc.Arbitrary<unknown> {
  const value = fieldValue(field);
  return field.nullable ? fc.option(value, { nil: null }) : value;
}

function fieldValue(field: Field): fc.Arbitrary<unknown> {
  const text = fc.oneof(
    fc.constantFrom("a", "b", " A|b ", "", "é", "\u0000", "internet"),
    fc.string({ unit: "grapheme", maxLength: 5 }),
  );
  switch (field.kind) {
    case "reference": {
      const names = field.targets.length > 0 ? field.targets : ["Hostname", "IPPort", "Service"];
      return fc.tuple(fc.constantFrom(...names), text).map(([name, part]) => {
        const parts = objectType(name)?.keyParts ?? 0;
        return `${name}|${Array.from({ length: parts }, () => part).join("|")}`;
      });
    }
    case "integer":
      return fc.integer({ min: field.least ?? -5, max: field.most ?? 70_000 });
    case "float":
      return fc.double({ min: field.least ?? -1e300, max: field.most ?? 1e300, noNaN: true });
    case "boolean":
      return fc.boolean();
    case "enum":
      return fc.constantFrom(...field.values);
    case "ipv4":
      return fc.ipV4();
    case "ipv6":
      return fc.ipV6();
    case "url":
      return fc
        .webUrl({ withQueryParameters: true, withFragments: true })
        .map((url) => `${url.toUpperCase()}/^ x`);
    case "uuid":
      return fc.uuid().map((uuid) => uuid.toUpperCase());
    case "duration":
      return fc.oneof(
        fc.double({ min: -1e6, max: 1e6, noNaN: true }),
        fc.constantFrom("P400D", "1 day, 1:00:00", "-PT90M"),
      );
    case "datetime":
      return fc
        .date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) })
        .map((date) => date.toISOString().replace("T", " "));
    case "json":
      return fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 3 });
    case "json-schema":
      return fc.constantFrom("{}", "true", '{"type":"object"}');
    case "texts":
      return fc.array(text, { maxLength: 3 });
    case "asset-reports":
      return fc.array(text, { maxLength: 3 });
    case "hostname":
      return fc.oneof(fc.constantFrom("EXAMPLE.com.", "bücher.de", "日本。jp", "ß", ""), fc.domain());
    case "title":
      return text.map((content) => ` x${content}`);
    case "upper-case":
    case "text":
      return text;
  }
}
