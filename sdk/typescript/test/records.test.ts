import assert from "node:assert/strict";
import { test } from "node:test";

import { openCollector } from "../../../src/records/collector.ts";
import { DEFAULT_LIMITS } from "../../../src/domain/limits.ts";
import * as objects from "../objects.ts";
import { Affirmation, Declaration, DerivedRaw, RecordEncoder, ScanProfile } from "../records.ts";

function encode(...records: readonly unknown[]): unknown[] {
  const encoder = new RecordEncoder();
  const lines = [...records.map((record) => encoder.encode(record)), ...encoder.finish()];
  return lines.map((line) => JSON.parse(line) as unknown);
}

test("references by object become links, in any order", () => {
  const network = new objects.Network({ name: "internet" });
  const address = new objects.IPAddressV4({ network, address: "192.0.2.1" });
  const port = new objects.IPPort({ address, protocol: "tcp", port: 80 });
  assert.deepEqual(encode(port, address, address, { object_type: "Hostname", network, name: "x" }), [
    { $id: "~2", object_type: "IPPort", address: { $ref: "#~1" }, protocol: "tcp", port: 80 },
    { $id: "~1", object_type: "IPAddressV4", network: { $ref: "#~3" }, address: "192.0.2.1" },
    { object_type: "IPAddressV4", network: { $ref: "#~3" }, address: "192.0.2.1" },
    { object_type: "Hostname", network: { $ref: "#~3" }, name: "x" },
    { record_type: "reference", object: { $id: "~3", object_type: "Network", name: "internet" } },
  ]);
});

test("an object may refer to itself, and serve in several runs", () => {
  const host = new objects.Hostname({ network: "Network|internet", name: "a.b" });
  host.registered_domain = host;
  for (let run = 0; run < 2; run += 1) {
    assert.deepEqual(encode(host), [
      {
        $id: "~1",
        object_type: "Hostname",
        network: "Network|internet",
        name: "a.b",
        registered_domain: { $ref: "#~1" },
      },
    ]);
  }
});

test("the other records", () => {
  const host = new objects.Hostname({ network: "Network|internet", name: "a.b" });
  const object = { object_type: "Network", name: "x" };
  assert.deepEqual(
    encode(
      new Declaration(host, new Date(0)),
      new Affirmation(object),
      new ScanProfile(host, 2),
      new DerivedRaw("é", ["text/plain"]),
      new DerivedRaw(new Uint8Array([0, 255]).subarray(1), ["a/b"]),
    ),
    [
      {
        record_type: "declaration",
        object: { $id: "~1", object_type: "Hostname", network: "Network|internet", name: "a.b" },
        end_valid_time: "1970-01-01T00:00:00.000Z",
      },
      { record_type: "affirmation", object },
      { record_type: "scan_profile", reference: { $ref: "#~1" }, level: 2 },
      { record_type: "raw", mime_types: ["text/plain"], content: "w6k=" },
      { record_type: "raw", mime_types: ["a/b"], content: "/w==" },
    ],
  );
});

test("what is no record, and what JSON has no form for, is refused with its name", () => {
  for (const wrong of [5, null, undefined, "text", [1], new Map(), () => 1, objects.Network]) {
    assert.throws(() => encode(wrong), /^TypeError: a record is an object with object_type/);
  }
  assert.throws(() => encode(new Declaration(new Map())), /an object with object_type is needed, not a Map/);
  for (const wrong of [Number.NaN, Infinity, 1n, new Uint8Array(1), new Set(), () => 1]) {
    assert.throws(() => encode({ object_type: "Network", name: wrong }), /^TypeError: field name: /);
    assert.throws(
      () => encode(new Affirmation({ object_type: "Network", name: wrong })),
      /^TypeError: field name: /,
    );
  }
});

test("every class gives what the host accepts the name of", async () => {
  const classes = Object.values(objects).filter((made) => typeof made === "function");
  const encoder = new RecordEncoder();
  const collector = openCollector({ limits: DEFAULT_LIMITS });
  const lines = classes.map((made) => encoder.encode(Reflect.construct(made, [{}])));
  collector.push(Buffer.from(lines.join("\n")));
  const { rejections } = await collector.finish();
  assert.equal(classes.length, 70);
  assert.equal(new Set(rejections.map(({ objectType }) => objectType)).size, 70);
  assert.ok(!rejections.some(({ path }) => path === "/object_type"));
});
