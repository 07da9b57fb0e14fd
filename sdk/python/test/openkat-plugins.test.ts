/**
 * Normalizers as OpenKAT's are written (test/fixtures/openkat-plugins), over many shapes of input and every group of
 * object types, through the guest and the reader of records, against what OpenKAT stores.
 *
 *     node sdk/python/test/openkat-plugins.test.ts --update     writes the expected output anew
 */
import assert from "node:assert/strict";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";

import type { Records } from "../../../src/domain/record.ts";
import { parseManifest } from "../../../src/packages/manifest.ts";
import { collect, readVectors } from "../../../src/records/testing/collect.ts";
import { GuestProcess } from "../../test/guest-process.ts";
import { findInterpreters } from "./interpreters.ts";
import { pythonGuest } from "./python-guest.ts";

const FIXTURES = path.join(import.meta.dirname, "../../../test/fixtures");
const PLUGINS = path.join(FIXTURES, "openkat-plugins");
const RAWS = path.join(FIXTURES, "openkat-raws");
const OUTPUTS = path.join(FIXTURES, "openkat-outputs.json");

type Output = Pick<Records, "objects" | "declarations" | "affirmations" | "scanProfiles">;

const inputs = JSON.parse(readFileSync(path.join(RAWS, "inputs.json"), "utf8")) as Record<string, unknown>;
const expected = JSON.parse(readFileSync(OUTPUTS, "utf8")) as Record<string, Output>;
const plugins = globSync("**/normalizer.json", { cwd: PLUGINS })
  .toSorted()
  .map((file) => {
    const folder = path.join(PLUGINS, path.dirname(file));
    return { folder, manifest: parseManifest(readFileSync(path.join(PLUGINS, file), "utf8")) };
  });
const interpreters = findInterpreters();
/** The oldest and the newest: what differs between them is what may differ. */
const tried = [...new Set([interpreters[0], interpreters.at(-1)])].filter((one) => one !== undefined);

describe("normalizers as OpenKAT's are written", { timeout: 120_000 }, () => {
  for (const { folder, manifest } of plugins) {
    for (const { version, path: interpreter } of tried) {
      test(`${manifest.id} on Python ${version}`, async () => {
        const output = await outputOf(folder, manifest.id, interpreter);
        if (process.argv.includes("--update")) expected[manifest.id] = output;
        assert.deepEqual(output, expected[manifest.id]);
      });
    }
  }

  test("what OpenKAT stores of the same objects is the same", () => {
    const stored = new Map(readVectors("golden").map(({ primary_key, json }) => [primary_key, json]));
    const met = objectsOf(Object.values(expected)).filter(({ primary_key }) => stored.has(primary_key));
    for (const object of met) {
      const json = stored.get(object.primary_key);
      const { scan_profile: _, user_id: __, ...wanted } = { ...json, ...onlyHere(object, json ?? {}) };
      assert.deepEqual(object, wanted);
    }
    assert.ok(met.length >= 60, `${met.length} objects of the vectors were met`);
  });

  test("every object type is there", () => {
    const model = JSON.parse(
      readFileSync(path.join(import.meta.dirname, "../../../protocol/object-model.json"), "utf8"),
    ) as { readonly types: readonly { readonly name: string }[] };
    const there = new Set(objectsOf(Object.values(expected)).map(({ object_type }) => object_type));
    assert.deepEqual(
      model.types.map(({ name }) => name).filter((name) => !there.has(name)),
      [],
    );
  });

  if (process.argv.includes("--update")) {
    test("write", () => {
      writeFileSync(OUTPUTS, `${JSON.stringify(expected, null, 1)}\n`);
    });
  }
});

async function outputOf(folder: string, id: string, interpreter: string): Promise<Output> {
  const command = pythonGuest(folder, "fork", interpreter, "run", "openkat");
  await using guest = new GuestProcess(command.argv, command.env);
  const ready = await guest.ready();
  assert.equal(ready["models"], "stand-in");
  guest.sendRun(1, inputs[id], [readFileSync(path.join(RAWS, id))]);
  const answer = await guest.answer();
  assert.equal(answer.end, "done", `${JSON.stringify(answer.payload)}\n${guest.errors}`);
  const { objects, declarations, affirmations, scanProfiles, rejections } = await collect(answer.records);
  // Keys were computed by the classes: the reader refuses what it would compute otherwise.
  assert.deepEqual(rejections, []);
  return JSON.parse(JSON.stringify({ objects, declarations, affirmations, scanProfiles })) as Output;
}

function objectsOf(outputs: readonly Output[]): Output["objects"] {
  return outputs.flatMap(({ objects, declarations, affirmations }) => [
    ...objects,
    ...[...declarations, ...affirmations].map(({ object }) => object),
  ]);
}

/** Fields that the vector's object leaves null, or has another value in, without being another object. */
function onlyHere(
  object: Readonly<Record<string, unknown>>,
  json: Readonly<Record<string, unknown>>,
): object {
  const differing = Object.entries(object).filter(([field, value]) => {
    return VARYING.has(field) && JSON.stringify(value) !== JSON.stringify(json[field]);
  });
  return Object.fromEntries(differing);
}

/** What may differ between two variants of one object. */
const VARYING: ReadonlySet<string> = new Set([
  "dns_zone",
  "registered_domain",
  "state",
  "web_url",
  "redirects_to",
  "ttl",
  "mail_hostname",
  "preference",
  "description",
  "proof",
  "reproduce",
  "certificate",
  "source",
  "risk_score",
  "risk_severity",
]);
