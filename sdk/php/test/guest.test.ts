import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { describe, test } from "node:test";

import { FRAME } from "../../../src/sandbox/frames.ts";
import { GuestProcess } from "../../test/guest-process.ts";
import type { Answer } from "../../test/guest-process.ts";
import { phpGuest } from "./php-guest.ts";

const FOLDER = join(import.meta.dirname, "nasty-normalizer");

async function runOnce(name: string): Promise<Answer & { readonly errors: string }> {
  const { argv, env } = phpGuest(FOLDER, "fresh", `Nasty\\${name}`);
  await using guest = new GuestProcess(argv, env);
  await guest.ready();
  guest.sendRun(1, { some: "input" }, [Buffer.from("raw")]);
  const answer = await guest.answer();
  guest.closeInput();
  while ((await guest.nextFrame()) !== null);
  await guest.ended;
  return { ...answer, errors: guest.errors };
}

describe("what a PHP normalizer returns", { timeout: 60_000 }, () => {
  const accepted: Readonly<Record<string, readonly unknown[]>> = {
    none: [],
    single: [{ object_type: "Network", name: "x" }],
    several: [{ record_type: "a" }, { record_type: "b" }],
    references: [
      { $id: "~2", object_type: "IPAddressV4", network: { $ref: "#~1" }, address: "192.0.2.1" },
      { object_type: "IPAddressV4", network: { $ref: "#~1" }, address: "192.0.2.1" },
      { object_type: "Hostname", network: { $ref: "#~1" }, name: "x" },
      { record_type: "reference", object: { $id: "~1", object_type: "Network", name: "internet" } },
    ],
    others: [
      {
        record_type: "declaration",
        object: {
          $id: "~1",
          object_type: "Hostname",
          network: "Network|internet",
          name: "a.b",
          registered_domain: { $ref: "#~1" },
        },
        end_valid_time: "1970-01-01T00:00:00.000000+00:00",
      },
      { record_type: "affirmation", object: { object_type: "Network", name: "x" } },
      { record_type: "scan_profile", reference: { $ref: "#~1" }, level: 2 },
      { record_type: "raw", mime_types: ["a/b"], content: "AP8=" },
    ],
  };
  for (const [name, records] of Object.entries(accepted)) {
    test(name, async () => {
      const answer = await runOnce(name);
      assert.deepEqual([answer.end, answer.records], ["done", records], JSON.stringify(answer.payload));
    });
  }
  const refused: Readonly<Record<string, RegExp>> = {
    text: /gave string instead of records/,
    notUtf8: /record 0 cannot be written as JSON: field name: Malformed UTF-8/,
    notANumber: /record 0 cannot be written as JSON: field name: Inf and NaN/,
    noRecord: /a record is an array with object_type, or of a class of this SDK, not integer/,
    noField: /Network has no field nmae; it has: name/,
    huge: /record 0 does not fit into a frame/,
  };
  for (const [name, message] of Object.entries(refused)) {
    test(`refused: ${name}`, async () => {
      const answer = await runOnce(name);
      assert.equal(answer.end, "failed");
      assert.match(String(answer.payload["message"]), message);
    });
  }
});

describe("how a run in PHP may end", { timeout: 60_000 }, () => {
  test("an exception: type, message, the normalizer's own stack, and its cause", async () => {
    const { payload, records } = await runOnce("raises");
    assert.deepEqual(
      [payload["type"], payload["message"], payload["reason"]],
      ["DomainException", "outer", "raised"],
    );
    assert.match(String(payload["stack"]), /normalize\.php:\d+[^]*Caused by: LogicException: inner/);
    assert.doesNotMatch(String(payload["stack"]), /RunOutput\.php/);
    assert.deepEqual(records, [{ record_type: "before" }]);
  });
  test("exit before the end is a failure", async () => {
    const { end, payload, records } = await runOnce("leaves");
    assert.deepEqual([end, payload["type"], payload["reason"]], ["failed", "Exit", "raised"]);
    assert.deepEqual(records, [{ record_type: "before" }]);
  });
  test("memory that runs out is said to have", async () => {
    const { end, payload } = await runOnce("hoards");
    assert.deepEqual([end, payload["reason"]], ["failed", "memory"]);
  });
  test("a function that is not there is a failure to load", async () => {
    const { argv, env } = phpGuest(FOLDER, "fresh", "missing");
    await using guest = new GuestProcess(argv, env);
    const frame = await guest.nextFrame();
    assert.deepEqual([frame?.kind, frame?.run], [FRAME.failed, 0]);
    assert.match(frame?.payload.toString() ?? "", /defines no function missing.*"reason":"load"/);
    assert.equal((await guest.ended).code, 1);
  });
  test("the log, what is printed, and PHP's own warnings", async () => {
    const { end, logs, errors } = await runOnce("warns");
    assert.equal(end, "done");
    assert.deepEqual(logs, [{ level: "warning", message: "of the log" }]);
    assert.match(errors, /of echo[^]*of PHP/);
  });
});
