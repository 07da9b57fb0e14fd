import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { Ajv2020 } from "ajv/dist/2020.js";
import * as fc from "fast-check";

import { WhiskersError } from "../errors.ts";
import { parseManifest } from "./manifest.ts";

const BASE = { id: "x", name: "X", environment: "python", entrypoint: "normalize:run" };
const SCHEMA: unknown = JSON.parse(
  readFileSync(new URL("../../protocol/schemas/normalizer.json", import.meta.url), "utf8"),
);
const validates = new Ajv2020({ strict: false }).compile(SCHEMA as object);

/** Manifests that are right, and what is to be read from them. */
const ACCEPTED: readonly (readonly [object, object])[] = [
  [
    BASE,
    {
      id: "x",
      name: "X",
      description: null,
      version: null,
      consumes: ["normalizer/x"],
      produces: [],
      guest: { kind: "python", version: null, module: "normalize", callable: "run" },
      limits: {},
      schema: "openkat/1",
      dependencies: null,
      runtime: null,
      onInvalid: "fail",
    },
  ],
  [
    {
      ...BASE,
      description: null,
      version: "1.0",
      enabled: true,
      static: true,
      created: null,
      type: "normalizer",
    },
    { version: "1.0" },
  ],
  [
    { ...BASE, environment: "python:3.11", entrypoint: "pkg.normalize" },
    { guest: { kind: "python", version: "3.11", module: "pkg.normalize", callable: "run" } },
  ],
  [
    { id: "x", name: "X", description: "", enabled: false, consumes: ["boefje/x"] },
    {
      description: null,
      guest: { kind: "python", version: null, module: "normalize", callable: "run", convention: "openkat" },
    },
  ],
  [
    { id: "x", name: "X", convention: "openkat", environment: "python:3.13" },
    {
      guest: { kind: "python", version: "3.13", module: "normalize", callable: "run", convention: "openkat" },
    },
  ],
  [
    { ...BASE, entrypoint: "pkg.a:b", convention: "openkat", dependencies: "requirements.txt" },
    { guest: { kind: "python", version: null, module: "pkg.a", callable: "b", convention: "openkat" } },
  ],
  [
    { ...BASE, environment: "node", entrypoint: "./src/normalize.ts:default_run" },
    { guest: { kind: "javascript", file: "src/normalize.ts", export: "default_run" } },
  ],
  [
    { ...BASE, environment: "typescript", entrypoint: "normalize.mjs" },
    { guest: { kind: "javascript", file: "normalize.mjs", export: "run" } },
  ],
  [
    { ...BASE, environment: "command", entrypoint: ["jq", "-c", "."] },
    { guest: { kind: "command", argv: ["jq", "-c", "."] } },
  ],
  [
    { ...BASE, environment: "program", entrypoint: ["./normalize", "-v"] },
    { guest: { kind: "program", argv: ["./normalize", "-v"] } },
  ],
  [
    { ...BASE, environment: "php", entrypoint: "./src/normalize.php" },
    { guest: { kind: "php", version: null, file: "src/normalize.php", callable: "run" } },
  ],
  [
    { ...BASE, environment: "php:7.4", entrypoint: "normalize.php:Acme\\normalize" },
    { guest: { kind: "php", version: "7.4", file: "normalize.php", callable: "Acme\\normalize" } },
  ],
  [
    { id: "x", name: "X", entrypoint: ["./bin/normalize", ""] },
    { guest: { kind: "command", argv: ["./bin/normalize", ""] } },
  ],
  [
    {
      ...BASE,
      limits: {
        time: "30s",
        memory: "256M",
        output: 1024,
        records: 5,
        processes: 2,
        tmp: "1.5MiB",
        cpus: 0.5,
      },
    },
    {
      limits: {
        wallMs: 30_000,
        memoryBytes: 256 * 2 ** 20,
        outputBytes: 1024,
        records: 5,
        processes: 2,
        tmpBytes: 1.5 * 2 ** 20,
        cpus: 0.5,
      },
    },
  ],
  [
    { ...BASE, limits: { time: 2.5, log: "0", openFiles: 16 } },
    { limits: { wallMs: 2500, logBytes: 0, openFiles: 16 } },
  ],
  [
    { ...BASE, environment: "wasm", entrypoint: "./target/n.wasm" },
    { guest: { kind: "wasm", file: "target/n.wasm", args: [], plain: false } },
  ],
  [
    { ...BASE, environment: "wasm", entrypoint: ["n.wasm", "-x"] },
    { guest: { kind: "wasm", file: "n.wasm", args: ["-x"], plain: true } },
  ],
  [
    { ...BASE, environment: "php", entrypoint: ["php", "a.php"] },
    { guest: { kind: "command", argv: ["php", "a.php"], root: "php" } },
  ],
  [
    { ...BASE, consumes: ["a/b", "normalizer/x", "a/b"], onInvalid: "skip" },
    { consumes: ["a/b", "normalizer/x"], onInvalid: "skip" },
  ],
  [{ ...BASE, reads: [] }, { reads: [] }],
  [{ ...BASE, reads: null, cache: false }, {}],
  [
    { ...BASE, reads: ["raw_data.mime_types", "raw_data.boefje_meta.arguments.input.name"], cache: true },
    { reads: ["raw_data.mime_types", "raw_data.boefje_meta.arguments.input.name"], cache: true },
  ],
  [{ ...BASE, runtime: "oci:runsc" }, { runtime: "oci:runsc" }],
  [{ ...BASE, runtime: "own-kernel" }, { runtime: "own-kernel" }],
  [
    { ...BASE, dependencies: "requirements.txt" },
    { dependencies: { ecosystem: "pip", files: ["requirements.txt"] } },
  ],
  [
    { ...BASE, dependencies: ["python/requirements-3.txt", "wheels/"] },
    { dependencies: { ecosystem: "pip", files: ["python/requirements-3.txt", "wheels"] } },
  ],
  [
    { ...BASE, environment: "node", entrypoint: "a.ts", dependencies: "package-lock.json" },
    { dependencies: { ecosystem: "npm", files: ["package-lock.json"] } },
  ],
  [
    { ...BASE, environment: "command", entrypoint: ["php", "a.php"], dependencies: "composer.lock" },
    { dependencies: { ecosystem: "composer", files: ["composer.lock"] } },
  ],
];

/** Manifests that are wrong, and what the error has to say. */
const REJECTED: readonly (readonly [object, RegExp])[] = [
  [{ name: "X", environment: "python", entrypoint: "a" }, /id is missing: expected letters/u],
  [{ ...BASE, id: "a b" }, /id is "a b": expected letters/u],
  [{ ...BASE, id: "x".repeat(65) }, /at most 64/u],
  [{ ...BASE, name: "" }, /name is ""/u],
  [{ ...BASE, name: "\u001b[31m" }, /control characters/u],
  [{ ...BASE, version: "12345678901234567" }, /version .* 1 to 16 characters/u],
  [{ ...BASE, consumes: "a/b" }, /consumes is "a\/b": expected a list/u],
  [{ ...BASE, consumes: ["a/b", 3] }, /consumes\[1\] is 3/u],
  [{ ...BASE, entrypiont: "x" }, /entrypiont is "x": expected no such key; did you mean "entrypoint"\?/u],
  [{ ...BASE, dependencies: "Pipfile.lock" }, /dependencies is "Pipfile.lock": expected .*requirements.txt/u],
  [{ ...BASE, dependencies: "../requirements.txt" }, /dependencies/u],
  [{ ...BASE, dependencies: "/requirements.txt" }, /dependencies/u],
  [{ ...BASE, dependencies: [] }, /dependencies/u],
  [{ ...BASE, dependencies: ["requirements.txt", "../wheels"] }, /dependencies\[1\]/u],
  [{ ...BASE, dependencies: { pip: "requirements.txt" } }, /dependencies/u],
  [{ ...BASE, enabled: 1 }, /enabled is 1: expected true or false/u],
  [{ ...BASE, type: "boefje" }, /type is "boefje"/u],
  [{ ...BASE, created: 5 }, /created is 5/u],
  [{ id: "x", name: "X", entrypoint: "a:b" }, /environment is missing/u],
  [{ id: "x", name: "X", environment: "python" }, /entrypoint is missing: expected "module:function"/u],
  [{ ...BASE, convention: "openkta" }, /convention is "openkta": expected "openkat"/u],
  [{ ...BASE, environment: "node", convention: "openkat" }, /environment is "node": expected "python"/u],
  [
    { id: "x", name: "X", convention: "openkat", entrypoint: ["a"] },
    /entrypoint is \["a"\]: expected "module/u,
  ],
  [{ id: "x", name: "X", enviroment: "python" }, /enviroment .*did you mean "environment"/u],
  [{ ...BASE, environment: "pyhton" }, /did you mean "python"/u],
  [{ ...BASE, environment: "python:2.7" }, /3\.8/u],
  [{ ...BASE, environment: "python:3.11:2" }, /python/u],
  [{ ...BASE, environment: "node:24", entrypoint: "a.ts" }, /without a version/u],
  [{ ...BASE, environment: "php:5.6", entrypoint: "normalize.php:run" }, /7\.4/u],
  [{ ...BASE, environment: "php:8.2", entrypoint: ["php"] }, /file:function/u],
  [{ ...BASE, environment: "program" }, /a list of a program/u],
  [{ ...BASE, environment: "command" }, /a list of a program/u],
  [{ ...BASE, environment: "command", entrypoint: [] }, /a list of a program/u],
  [{ ...BASE, environment: "command", entrypoint: [""] }, /entrypoint\[0\]/u],
  [{ ...BASE, environment: "python", entrypoint: ["jq"] }, /entrypoint/u],
  [{ ...BASE, limits: [] }, /limits/u],
  [{ ...BASE, limits: { memroy: "1G" } }, /did you mean "memory"/u],
  [{ ...BASE, limits: { memory: "256Q" } }, /limits\.memory is "256Q": expected a size/u],
  [{ ...BASE, limits: { records: 1.5 } }, /whole number/u],
  [{ ...BASE, limits: { time: 4000 } }, /from 100 ms to 60 m/u],
  [{ ...BASE, schema: "openkat/2" }, /schema is "openkat\/2": expected "openkat\/1"/u],
  [{ ...BASE, reads: "raw_data" }, /reads is "raw_data": expected a list/u],
  [{ ...BASE, reads: ["raw_data.mime_type"] }, /reads\[0\] is .* did you mean "mime_types"/u],
  [{ ...BASE, reads: ["raw_data.mime_types.value"] }, /reads\[0\]/u],
  [{ ...BASE, reads: ["raw_data", "__proto__"] }, /reads\[1\]/u],
  [{ ...BASE, cache: true }, /cache is true: expected `reads` beside it/u],
  [{ ...BASE, cache: "yes", reads: [] }, /cache is "yes": expected true or false/u],
  [{ ...BASE, runtime: "inline" }, /runtime is "inline": expected "own-kernel"/u],
  [{ ...BASE, runtime: "auto" }, /runtime is "auto"/u],
  [{ ...BASE, runtime: { driver: "oci" } }, /runtime is/u],
  [{ ...BASE, runtime: "oci:/bin/sh" }, /runtime is/u],
  [{ ...BASE, onInvalid: "skipp" }, /did you mean "skip"/u],
];

/** Wrong in ways that only the parser knows: the JSON Schema is for editors and takes them. */
const REJECTED_BY_PARSER: readonly (readonly [object, RegExp])[] = [
  [{ ...BASE, dependencies: "package-lock.json" }, /dependencies .*a python package.*requirements/u],
  [{ ...BASE, entrypoint: "normalize.py" }, /module:function/u],
  [{ ...BASE, entrypoint: "../x:run" }, /module:function/u],
  [{ ...BASE, environment: "node", entrypoint: "normalize.py" }, /file:function/u],
  [{ ...BASE, environment: "node", entrypoint: "../a.ts" }, /file:function/u],
  [{ ...BASE, environment: "node", entrypoint: "/a.ts" }, /file:function/u],
  [{ ...BASE, environment: "wasm", entrypoint: "../n.wasm" }, /ends in \.wasm/u],
  [{ ...BASE, environment: "wasm", entrypoint: ["/n.wasm"] }, /entrypoint/u],
  [{ ...BASE, environment: "wasm", entrypoint: "n.wat" }, /ends in \.wasm/u],
  [{ ...BASE, environment: "php", entrypoint: "normalize.ts" }, /file:function/u],
  [{ ...BASE, environment: "php", entrypoint: "../a.php" }, /file:function/u],
  [{ ...BASE, environment: "php", entrypoint: "a.php:not a name" }, /file:function/u],
  [{ ...BASE, environment: "program", entrypoint: ["/bin/sh"] }, /program of this folder/u],
  [{ ...BASE, environment: "command", entrypoint: ["/bin/sh"] }, /program of this folder/u],
  [{ ...BASE, environment: "command", entrypoint: ["a/../../x"] }, /program of this folder/u],
  [{ ...BASE, limits: { memory: "1M" } }, /from 16 MiB to 16 GiB/u],
  [{ ...BASE, limits: { time: "2h" } }, /limits\.time/u],
];

suite("parseManifest", () => {
  for (const [manifest, wanted] of ACCEPTED) {
    test(`takes ${JSON.stringify(manifest)}`, () => {
      assert.partialDeepStrictEqual(parseManifest(JSON.stringify(manifest)), wanted);
      assert.ok(validates(manifest), JSON.stringify(validates.errors));
    });
  }
  for (const [manifest, wanted] of [...REJECTED, ...REJECTED_BY_PARSER]) {
    test(`refuses ${JSON.stringify(manifest).slice(0, 120)}`, () => {
      assert.throws(
        () => parseManifest(JSON.stringify(manifest), "f/normalizer.json"),
        (error) => {
          assert.ok(error instanceof WhiskersError);
          assert.equal(error.code, "manifest-invalid");
          assert.match(error.message, wanted);
          assert.match(error.message, /^f\/normalizer\.json: /u);
          return true;
        },
      );
    });
  }
  test("the JSON Schema refuses what the parser refuses, where a schema can say it", () => {
    for (const [manifest] of REJECTED) {
      // A bound of a text with a unit is beyond a schema.
      assert.ok(!validates(manifest), `the schema takes ${JSON.stringify(manifest)}`);
    }
  });
  test("keys that OpenKAT ignores in a manifest of its own are ignored", () => {
    const manifest = { id: "x", name: "X", something_else: { a: 1 } };
    assert.equal(parseManifest(JSON.stringify(manifest)).id, "x");
    assert.throws(() => parseManifest(JSON.stringify({ ...BASE, something_else: 1 })), /no such key/u);
  });
  test("what is no JSON object is refused with a reason", () => {
    for (const text of ["", "{", "[]", "null", "3", '{"id": "x",}', "\u0000"]) {
      assert.throws(() => parseManifest(text), {
        code: "manifest-invalid",
        message: /^normalizer\.json is not/u,
      });
    }
  });
  test("whatever JSON it gets, it gives a manifest or manifest-invalid", () => {
    const keys = fc.constantFrom(
      "id",
      "name",
      "environment",
      "entrypoint",
      "limits",
      "consumes",
      "schema",
      "__proto__",
    );
    fc.assert(
      fc.property(fc.dictionary(keys, fc.jsonValue()), fc.boolean(), (odd, based) => {
        try {
          parseManifest(JSON.stringify(based ? { ...BASE, ...odd } : odd));
        } catch (error) {
          assert.ok(error instanceof WhiskersError && error.code === "manifest-invalid", String(error));
        }
      }),
    );
  });
});
