import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";

import { DEFAULT_LIMITS } from "../domain/limits.ts";
import { openCollector } from "./collector.ts";
import { relationsOf } from "./relations.ts";
import { collect } from "./testing/collect.ts";

const NETWORK = { object_type: "Network", name: "internet" };
const hostname = (name: string, more: object = {}): object => ({
  object_type: "Hostname",
  network: "Network|internet",
  name,
  ...more,
});
const finding = (ooi: unknown, more: object = {}): object => ({
  object_type: "Finding",
  ooi,
  finding_type: "KATFindingType|KAT-X",
  ...more,
});

describe("references between objects of one output", () => {
  test("in any order, several steps deep, by id or by key", async () => {
    const { objects, rejections } = await collect([
      finding({ $ref: "#port" }),
      { object_type: "IPPort", $id: "port", address: { $ref: "#ip" }, protocol: "tcp", port: 443 },
      { object_type: "IPAddressV4", $id: "ip", network: { $ref: "#net" }, address: "192.0.2.1" },
      { record_type: "reference", object: { ...NETWORK, $id: "net" } },
      { object_type: "IPService", ip_port: "IPPort|internet|192.0.2.1|tcp|443", service: "Service|https" },
    ]);
    assert.deepEqual(rejections, []);
    assert.deepEqual(
      objects.map(({ primary_key: key }) => key),
      [
        "Finding|IPPort|internet|192.0.2.1|tcp|443|KAT-X",
        "IPPort|internet|192.0.2.1|tcp|443",
        "IPAddressV4|internet|192.0.2.1",
        "IPService|internet|192.0.2.1|tcp|443|https",
      ],
    );
    assert.deepEqual(relationsOf(objects[1] ?? assert.fail()), [
      { field: "address", target: "IPAddressV4|internet|192.0.2.1" },
    ]);
  });

  test("objects may refer to each other where no key depends on it", async () => {
    const { objects, rejections } = await collect([
      hostname("example.com", { $id: "h", dns_zone: { $ref: "#z" }, registered_domain: { $ref: "#h" } }),
      { object_type: "DNSZone", $id: "z", hostname: { $ref: "#h" }, parent: { $ref: "#z" } },
    ]);
    assert.deepEqual(rejections, []);
    assert.equal(objects[0]?.["dns_zone"], "DNSZone|internet|example.com");
    assert.equal(objects[0]?.["registered_domain"], "Hostname|internet|example.com");
    assert.equal(objects[1]?.["parent"], "DNSZone|internet|example.com");
  });

  test("a cycle through keys is reported with its path, and what hangs on it follows", async () => {
    const { objects, rejections } = await collect([
      finding({ $ref: "#a" }, { $id: "outside" }),
      finding({ $ref: "#b" }, { $id: "a" }),
      finding({ $ref: "#a" }, { $id: "b" }),
      finding({ $ref: "#self" }, { $id: "self" }),
      NETWORK,
    ]);
    assert.deepEqual(
      rejections.map(({ record, reason }) => [record, reason]),
      [
        [1, "reference cycle: #a → #b → #a"],
        [2, "reference cycle: #a → #b → #a"],
        [3, "reference cycle: #self → #self"],
        [0, "refers to #a (record 1), which was rejected"],
      ],
    );
    assert.equal(objects.length, 1);
  });

  test("an unknown id, a wrong type, an id that is there twice", async () => {
    const { objects, rejections } = await collect([
      hostname("a", { network: { $ref: "#nowhere" } }),
      hostname("b", { network: { $ref: "#host" } }),
      hostname("c", { $id: "host" }),
      hostname("d", { $id: "host" }),
      { record_type: "scan_profile", reference: { $ref: "#nowhere" }, level: 1 },
      { record_type: "scan_profile", reference: { $ref: "#host" }, level: 1 },
    ]);
    assert.deepEqual(
      rejections.map(({ record, path, reason }) => [record, path, reason]),
      [
        [0, "/network", 'bad reference: no object of this output has the $id "nowhere"'],
        [1, "/network", "bad reference target: #host is a Hostname; expected Network"],
        [3, "/$id", '"host" is the $id of record 2 already'],
        [4, "/reference", 'bad reference: no object of this output has the $id "nowhere"'],
      ],
    );
    assert.deepEqual(
      objects.map(({ primary_key: key }) => key),
      ["Hostname|internet|c"],
    );
  });

  test("what refers to something rejected is rejected too, however far away", async () => {
    const { objects, rejections, recordsRejected } = await collect([
      finding({ $ref: "#f1" }, { $id: "f2" }),
      finding({ $ref: "#h" }, { $id: "f1" }),
      hostname("not_one", { $id: "h" }),
      { record_type: "scan_profile", reference: { $ref: "#f2" }, level: 1 },
      hostname("fine"),
    ]);
    assert.deepEqual(
      rejections.map(({ record, path }) => [record, path]),
      [
        [2, "/name"],
        [0, "/ooi"],
        [1, "/ooi"],
        [3, "/reference"],
      ],
    );
    assert.equal(recordsRejected, 4);
    assert.equal(objects.length, 1);
  });

  test("a chain as long as the output needs no stack, and does not grow keys without end", async () => {
    const length = 20_000;
    const zones = Array.from({ length }, (_, at) => ({
      object_type: "SecurityTXT",
      $id: `s${at}`,
      website: "Website|internet|192.0.2.1|tcp|443|https|internet|example.com",
      url: `URL|internet|https://example.com/${at}`,
      redirects_to: { $ref: `#s${(at + 1) % length}` },
    }));
    const { objects } = await collect(zones);
    assert.equal(objects.length, length);
    const nested = Array.from({ length }, (_, at) =>
      finding(at === length - 1 ? "Network|x" : { $ref: `#f${at + 1}` }, { $id: `f${at}` }),
    );
    const { rejections } = await collect(nested, { outputBytes: 1 });
    assert.ok(rejections.some(({ reason }) => reason.includes("too long")));
  });
});

describe("variants of one object", () => {
  test("§10.8 are merged at the place of the first: what is not null wins, and the later of two", async () => {
    const { objects } = await collect([
      {
        object_type: "IPPort",
        address: "IPAddressV4|internet|192.0.2.1",
        protocol: "tcp",
        port: 1,
        state: "open",
      },
      NETWORK,
      {
        object_type: "IPPort",
        address: "IPAddressV4|internet|192.0.2.1",
        protocol: "tcp",
        port: 1,
        state: null,
      },
      finding("Network|internet", { proof: "first", description: "kept" }),
      finding("Network|internet", { proof: "second" }),
    ]);
    assert.equal(objects.length, 3);
    assert.equal(objects[0]?.["state"], "open");
    assert.equal(objects[2]?.["proof"], "second");
    assert.equal(objects[2]?.["description"], "kept");
  });

  test("declarations and affirmations are merged among themselves", async () => {
    const { objects, declarations, affirmations } = await collect([
      { record_type: "declaration", object: hostname("a"), end_valid_time: "2026-01-01T00:00:00Z" },
      { record_type: "declaration", object: hostname("A", { dns_zone: "DNSZone|internet|a" }) },
      { record_type: "affirmation", object: hostname("a") },
      hostname("a"),
    ]);
    assert.deepEqual([objects.length, declarations.length, affirmations.length], [1, 1, 1]);
    assert.equal(declarations[0]?.end_valid_time, "2026-01-01T00:00:00Z");
    assert.equal(declarations[0]?.object["dns_zone"], "DNSZone|internet|a");
    assert.equal(objects[0]?.["dns_zone"], null);
  });
});

describe("rejections", () => {
  test("say what is wrong, short and without control characters", async () => {
    const { rejections } = await collect([
      '{"object_type":',
      "5",
      { object_type: "Hostnam", name: "x" },
      hostname("a\u001b[31m\u202e" + "x".repeat(1000)),
      { ...NETWORK, nam: 1 },
      '{"object_type":"Network","name":"\\ud800"}',
      '{"object_type":"GeographicPoint","ooi":"Network|x","longitude":1e999,"latitude":1}',
      { ...NETWORK, primary_key: "Network|other" },
      "",
    ]);
    const reasons = rejections.map(({ reason }) => reason);
    assert.match(reasons[0] ?? "", /^the record is not JSON: /);
    assert.equal(reasons[1], "a record is a JSON object, not 5");
    assert.equal(reasons[2], 'there is no object type "Hostnam"; did you mean "Hostname"?');
    assert.match(reasons[3] ?? "", /^"a\\u001b\[31m\\u202ex+…" is not a hostname/);
    assert.equal(reasons[4], 'a Network has no such field; did you mean "name"?');
    assert.match(reasons[5] ?? "", /half a surrogate pair/);
    assert.equal(reasons[6], "Infinity is not a number from -180 to 180");
    assert.match(
      reasons[7] ?? "",
      /"Network\|other" is not the primary key of this object, "Network\|internet"/,
    );
    assert.match(reasons[8] ?? "", /not JSON/);
    for (const reason of reasons) assert.match(reason, /^[^\p{Cc}]{1,250}$/u);
  });

  test("are kept up to a thousand, and counted beyond", async () => {
    const { rejections, rejectionsDropped, recordsRejected } = await collect(
      Array.from({ length: 1500 }, () => 5),
    );
    assert.deepEqual([rejections.length, rejectionsDropped, recordsRejected], [1000, 500, 1500]);
  });

  test("depth is bounded before anything is parsed", async () => {
    const config = (depth: number): string =>
      `{"object_type":"Config","ooi":"Network|x","bit_id":"b","config":{"a":${"[".repeat(depth)}"]]"${"]".repeat(depth)}}}`;
    assert.deepEqual((await collect([config(62)])).rejections, []);
    assert.match((await collect([config(63)])).rejections[0]?.reason ?? "", /deeper than 64/);
    assert.match((await collect(["[".repeat(1_000_000)])).rejections[0]?.reason ?? "", /deeper than 64/);
  });

  test("text that is not UTF-8", async () => {
    const collector = openCollector({ limits: DEFAULT_LIMITS });
    collector.push(
      Buffer.concat([Buffer.from('{"object_type":"Network","name":"'), Buffer.of(0xff), Buffer.from('"}\n')]),
    );
    assert.equal((await collector.finish()).rejections[0]?.reason, "the record is not UTF-8");
  });

  test("records beyond the limit are not looked at", async () => {
    const { objects, rejections } = await collect([NETWORK, 5, 5, 5], { records: 2 });
    assert.deepEqual([objects.length, rejections.length], [1, 1]);
  });
});

test("a hostile output is done in little time", { timeout: 20_000 }, async () => {
  const space = " ".repeat(4_000_000);
  const { rejections } = await collect([
    { object_type: "CVEFindingType", id: `x${space}x` },
    { object_type: "ReportRecipe", report_type: `x${space}x`, report_name_format: space },
    { ...NETWORK, ...Object.fromEntries(Array.from({ length: 200_000 }, (_, at) => [`key${at}`, at])) },
    { object_type: "DNSTXTRecord", hostname: `Hostname|internet|${"a".repeat(4_000_000)}`, value: "a" },
    { object_type: "DNSTXTRecord", hostname: `Hostname|internet|${"a".repeat(4_000_000)}`, value: "" },
    { object_type: "Question", ooi: "Network|x", schema_id: "x", json_schema: "[".repeat(2_000_000) },
    hostname("ü.".repeat(30_000)),
  ]);
  assert.ok(rejections.length >= 5);
});

test("keys with a prototype's name are only keys", async () => {
  const { objects, rejections } = await collect([
    '{"object_type":"Network","name":"x","__proto__":{"name":"y"}}',
    '{"object_type":"Config","ooi":"Network|x","bit_id":"b","config":{"__proto__":{"polluted":1},"constructor":2}}',
    '{"object_type":"Network","name":"first","name":"last"}',
    '{"object_type":"toString","name":"x"}',
    '{"record_type":"__proto__","name":"x"}',
  ]);
  assert.deepEqual(
    rejections.map(({ record }) => record),
    [0, 3, 4],
  );
  assert.equal(objects[1]?.["name"], "last");
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

test("the digest is that of the canonical records, and of nothing else", async () => {
  const raw = { record_type: "raw", mime_types: ["text/plain"], content: "aGk=" };
  const one = await collect([raw, { name: "internet", object_type: "Network", $id: "n" }, 5]);
  const other = await collect([NETWORK, raw]);
  const lines =
    '{"object_type":"Network","primary_key":"Network|internet","name":"internet"}\n' +
    `${JSON.stringify(raw)}\n`;
  assert.equal(one.sha256, createHash("sha256").update(lines).digest("hex"));
  assert.equal(other.sha256, one.sha256);
});

test("an output without records is a result", async () => {
  const records = await collect([]);
  assert.deepEqual([records.objects, records.rejections], [[], []]);
});

test("a large output lets others run", async () => {
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  await collect(Array.from({ length: 30_000 }, (_, at) => hostname(`host${at}.example.com`)));
  clearInterval(timer);
  assert.ok(turns > 5, `${turns} turns`);
});
