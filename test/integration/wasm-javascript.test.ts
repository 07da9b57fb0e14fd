/** Normalizers in JavaScript and TypeScript, made components by `whiskers build --wasm`. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { ComponentBuilds } from "../fixtures/component-builds.ts";

/** All examples but certificates-typescript, which imports node:crypto. */
const EXAMPLES = [
  ["dig-typescript", "dig"],
  ["html-typescript", "curl-body"],
  ["http-headers-typescript", "curl-headers"],
  ["nmap-typescript", "nmap-tcp"],
  ["ssh-banner-typescript", "ssh-banner-debian"],
] as const;

const builds = new ComponentBuilds("node");
const { runner } = builds;

describe("JavaScript as a component", { concurrency: 2, timeout: 300_000 }, () => {
  after(async () => {
    await builds[Symbol.asyncDispose]();
  });

  for (const [normalizer, raw] of EXAMPLES) {
    test(`${normalizer} gives the same output as by Node.js`, async () => {
      await builds.isTheSame(normalizer, raw);
    });
  }

  test("a normalizer has its promises, encodings, addresses, console and chance", async () => {
    const source = builds.packageOf("uses-much", USES_MUCH);
    await using compiled = await builds.compile(source);
    const said = [];
    for (let turn = 0; turn < 2; turn += 1) {
      const { outcome, records, logs } = await runner.run(compiled.folder);
      assert.deepEqual(outcome, { status: "succeeded" }, JSON.stringify(logs));
      assert.deepEqual(
        records.objects.map((object) => object["name"]),
        ["internet", "example.com", "later"],
      );
      said.push(logs.map(({ level, message }) => `${level} ${message}`));
    }
    const [first = [], second = []] = said;
    assert.deepEqual([first[0], first[1]], ["info loaded", 'warning seen {"a":1}']);
    assert.match(first[2] ?? "", /^info chance 0\.\d+ \d+$/u);
    assert.notEqual(first[2], second[2], "a run draws anew, not what was drawn when it was built");
  });

  test("what a normalizer throws is told, and a promise that nothing settles", async () => {
    await using compiled = await builds.compile(builds.packageOf("fails", FAILS));
    const { outcome } = await runner.run(compiled.folder);
    assert.equal(outcome.status === "failed" && outcome.code, "normalizer-raised");
    assert.match(JSON.stringify(outcome), /"type":"RangeError","message":"not a hostname: internet"/u);
    await using waits = await builds.compile(
      builds.packageOf("waits", "export const run = async () => { await new Promise(() => {}); };"),
    );
    assert.match(JSON.stringify((await runner.run(waits.folder)).outcome), /still waits for a promise/u);
  });

  test("what cannot be compiled says why, and where", async () => {
    const cases = [
      [
        'import { createHash } from "node:crypto"; export const run = () => [createHash("sha1")];',
        /node:crypto: of Node\.js' own modules there is only node:buffer.*normalize\.ts:1:27/su,
      ],
      ["export function run( {", /normalize\.ts:1:\d+/u],
      ["export const walk = () => [];", /normalize\.ts exports no function run/u],
      [
        'import text from "/etc/passwd" with { type: "text" }; export const run = () => [text];',
        /\/etc\/passwd: outside of the package's folder/u,
      ],
      [
        'export { run } from "../wrong-1/normalize.ts";',
        /wrong-1\/normalize\.ts: outside of the package's folder/u,
      ],
      ['throw new TypeError("at once"); export const run = () => [];', /at once/u],
    ] as const;
    for (const [index, [text, message]] of cases.entries()) {
      await assert.rejects(builds.compile(builds.packageOf(`wrong-${index}`, text)), {
        code: "build-failed",
        message,
      });
    }
  });
});

const USES_MUCH = `
import { Buffer } from "node:buffer";
import { Network, type Meta } from "whiskers";
console.log("loaded");
async function* lines(raw: Buffer): AsyncGenerator<string> {
  for (const line of new TextDecoder().decode(raw).split("\\n")) if (line !== "") yield await Promise.resolve(line);
}
export async function* run(meta: Meta, raw: Buffer) {
  console.warn("seen", { a: meta.raws.length });
  console.log("chance", Math.random(), crypto.getRandomValues(new Uint32Array(1))[0]);
  for await (const name of lines(raw)) yield new Network({ name });
  yield new Network({ name: new URL("https://example.com/a?b").hostname });
  yield new Network({ name: await Promise.all(["later"]).then(([text]) => Buffer.from(text ?? "").toString("latin1")) });
}
`;
const FAILS = `
export function run(_meta: unknown, raw: Uint8Array) {
  throw new RangeError("not a hostname: " + raw.toString().trim());
}
`;
