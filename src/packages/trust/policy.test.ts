import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";

import { parseReference } from "../images/reference.ts";
import { parsePolicy, ruleFor, type TrustPolicy } from "./policy.ts";

const pem = (namedCurve: string): string =>
  generateKeyPairSync("ec", { namedCurve }).publicKey.export({ type: "spki", format: "pem" }).toString();
const FILES: Readonly<Record<string, string>> = {
  "a.pub": pem("P-256"),
  "b.pub": pem("P-256"),
  "p384.pub": pem("P-384"),
};
const parse = (policy: unknown): TrustPolicy =>
  parsePolicy(JSON.stringify(policy), "policy.json", (file) => FILES[file] ?? "");
const withRule = (rule: unknown): unknown => ({ local: "allow", images: [rule] });

suite("trust policy", () => {
  const schema = JSON.parse(
    readFileSync(new URL("../../../protocol/schemas/trust-policy.json", import.meta.url), "utf8"),
  );
  const fits = new Ajv2020({ strict: false }).compile(schema);

  test("what it takes, the published schema takes", () => {
    const taken = [
      { local: "refuse", images: [] },
      {
        $schema: "x",
        local: "allow",
        images: [{ match: "docker.io/library/**", unsigned: "allow", digestOnly: true }],
      },
      withRule({ match: "registry.example:5000/team/*", keys: ["a.pub", "b.pub"], threshold: 2 }),
      withRule({ match: "[::1]:5000/a", keys: ["a.pub"] }),
      withRule({ match: "**/a", keys: ["a.pub"] }),
    ];
    for (const policy of taken) {
      parse(policy);
      assert.ok(fits(policy), JSON.stringify([policy, fits.errors]));
    }
  });

  test("what cannot be meant is refused by name, by it and by the schema", () => {
    const refused: readonly (readonly [unknown, RegExp])[] = [
      [[], /it is no JSON object/u],
      [{ images: [] }, /local is missing: expected "allow" or "refuse"/u],
      [{ local: "allow" }, /images is missing: expected a list/u],
      [{ local: "allow", images: [], image: [] }, /there is no "image"; did you mean "images"/u],
      [{ local: "allow", images: [], $schema: 1 }, /\$schema is no text/u],
      [{ local: "deny", images: [] }, /local is "deny"/u],
      [withRule(1), /images\[0\]: it is no JSON object/u],
      [withRule({ match: "a", keys: ["a.pub"] }), /match is "a": expected REGISTRY\/REPOSITORY/u],
      [withRule({ match: "a/b:1", keys: ["a.pub"] }), /match is "a\/b:1"/u],
      [withRule({ match: "a/(b", keys: ["a.pub"] }), /match is/u],
      [withRule({ match: "a/b" }), /keys is missing: expected a list of files/u],
      [withRule({ match: "a/b", keys: [] }), /keys is \[\]/u],
      [withRule({ match: "a/b", keys: [1] }), /keys is \[1\]/u],
      [withRule({ match: "a/b", keys: ["a.pub"], threshold: 0 }), /threshold is 0/u],
      [withRule({ match: "a/b", keys: ["a.pub"], threshold: "1" }), /threshold is "1"/u],
      [withRule({ match: "a/b", unsigned: true }), /unsigned is true: expected "allow"/u],
      [withRule({ match: "a/b", unsigned: "allow", keys: ["a.pub"] }), /which of the two is meant/u],
      [
        withRule({ match: "a/b", keys: ["a.pub"], digestonly: true }),
        /there is no "digestonly"; did you mean "digestOnly"/u,
      ],
      [withRule({ match: "a/b", keys: ["a.pub"], digestOnly: "yes" }), /digestOnly is "yes"/u],
    ];
    for (const [policy, message] of refused) {
      assert.throws(() => parse(policy), { code: "config-invalid", message });
      assert.equal(fits(policy), false, JSON.stringify(policy));
    }
    // What a schema cannot say.
    assert.throws(() => parse(withRule({ match: "a/b", keys: ["a.pub"], threshold: 2 })), /threshold is 2/u);
    assert.throws(() => parse(withRule({ match: "a/b", keys: ["a.pub", "a.pub"] })), /one key twice/u);
    assert.throws(() => parse(withRule({ match: "a/b", keys: ["p384.pub"] })), { code: "key-unusable" });
    assert.throws(() => parse(withRule({ match: "a/b", keys: ["none.pub"] })), { code: "key-unusable" });
    assert.throws(() => parsePolicy("{", "p", () => ""), {
      code: "config-invalid",
      message: /it is no JSON/u,
    });
  });

  test("the first rule that matches counts; a star is within a part, two are across them, a dot is a dot", () => {
    const policy = parse({
      local: "allow",
      images: [
        { match: "registry.example/team/secret", keys: ["a.pub"] },
        { match: "registry.example/team/*", keys: ["b.pub"] },
        { match: "registry.example/**", unsigned: "allow" },
        { match: "docker.io/library/*", unsigned: "allow" },
        { match: "ports.example:5000/*", unsigned: "allow" },
      ],
    });
    const matchOf = (text: string): string | undefined => ruleFor(policy, parseReference(text))?.match;
    assert.equal(matchOf("registry.example/team/secret:1"), "registry.example/team/secret");
    assert.equal(matchOf("registry.example/team/other"), "registry.example/team/*");
    assert.equal(matchOf("registry.example/team/a/b"), "registry.example/**");
    assert.equal(matchOf("debian"), "docker.io/library/*");
    assert.equal(matchOf("ports.example:5000/a"), "ports.example:5000/*");
    for (const other of [
      "portsxexample:5000/a",
      "registry.example:5000/a",
      "evil.example/registry.example/team/x",
      "docker.io/other/x",
    ]) {
      assert.equal(matchOf(other), undefined, other);
    }
  });
});
