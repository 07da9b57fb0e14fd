import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test, type TestContext } from "node:test";

import { Ajv } from "ajv";

import { writeFiles } from "../../../test/fixtures/dependent-packages.ts";
import type { Package, Requirements } from "../../domain/package.ts";
import type { Component } from "./component.ts";
import { cycloneDx } from "./cyclonedx.ts";
import { listComponents } from "./list-components.ts";

const LIBRARY = createRequire(import.meta.url).resolve("@cyclonedx/cyclonedx-library/package.json");
/** CycloneDX's own schema, as its library for JavaScript brings it along. */
const schemaOf = (name: string): object =>
  JSON.parse(readFileSync(path.join(LIBRARY, `../res/schema/${name}.SNAPSHOT.schema.json`), "utf8"));
const fits = new Ajv({ strict: false, validateFormats: false })
  .addSchema(schemaOf("spdx"), "http://cyclonedx.org/schema/spdx.SNAPSHOT.schema.json")
  .addSchema(schemaOf("jsf-0.82"), "http://cyclonedx.org/schema/jsf-0.82.SNAPSHOT.schema.json")
  .compile(schemaOf("bom-1.6"));

const SHA256 = "a".repeat(64);
const METADATA = `Metadata-Version: 2.4
Name: Colour_Names
Version: 1.0+local
License-Expression: MIT OR Apache-2.0
Summary: folded
 License: not this

License: nor this
`;

suite("software bill of materials", () => {
  test("what pip installed, with the hash of a requirement that has one", async (t) => {
    const bom = await bomOf(
      t,
      "pip",
      {
        "python/colour_names-1.0+local.dist-info/METADATA": METADATA,
        "python/b-2.dist-info/METADATA": "Name: b\nVersion: 2\nLicense: BSD, more or less\n\n",
        "python/c-3.dist-info/METADATA":
          "Name: c\nVersion: 3\nClassifier: License :: OSI Approved :: MIT License\n\n",
        "python/colour_names/__init__.py": "",
      },
      {
        "requirements.txt": `colour-names==1.0+local \\\n  --hash=sha256:${SHA256}\nb==2 --hash=sha256:${SHA256} --hash=sha256:${"b".repeat(64)}\n`,
      },
    );
    assert.deepEqual(bom.components, [
      library("pkg:pypi/b@2", {
        name: "b",
        version: "2",
        licenses: [{ license: { name: "BSD, more or less" } }],
      }),
      library("pkg:pypi/c@3", { name: "c", version: "3", licenses: [{ license: { name: "MIT License" } }] }),
      library("pkg:pypi/colour-names@1.0%2Blocal", {
        name: "Colour_Names",
        version: "1.0+local",
        hashes: [{ alg: "SHA-256", content: SHA256 }],
        licenses: [{ expression: "MIT OR Apache-2.0" }],
      }),
    ]);
  });

  test("what npm installed of its lock file, nested and scoped, and nothing that is not there", async (t) => {
    const integrity = `sha512-${Buffer.alloc(64, 1).toString("base64")}`;
    const packages = {
      "": { name: "own", version: "1.0.0" },
      "node_modules/ms": { version: "2.1.3", integrity, license: "MIT" },
      "node_modules/@a/b": { version: "1.0.0", license: "SEE LICENSE IN x" },
      "node_modules/@a/b/node_modules/ms": { version: "2.0.0" },
      "node_modules/alias": { name: "real", version: "3.0.0" },
      "node_modules/absent": { version: "9.0.0" },
      "node_modules/../../etc": { version: "1.0.0" },
    };
    const there = Object.keys(packages).filter((place) => !/absent|etc|^$/u.test(place));
    const bom = await bomOf(
      t,
      "npm",
      Object.fromEntries(there.map((place) => [`${place}/package.json`, "{}"])),
      {
        "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages }),
      },
    );
    assert.deepEqual(
      bom.components.map(({ purl }: { purl: string }) => purl),
      ["pkg:npm/%40a/b@1.0.0", "pkg:npm/ms@2.0.0", "pkg:npm/ms@2.1.3", "pkg:npm/real@3.0.0"],
    );
    const [scoped, , ms] = bom.components;
    assert.deepEqual(
      [scoped.group, scoped.name, scoped.licenses],
      ["@a", "b", [{ license: { name: "SEE LICENSE IN x" } }]],
    );
    assert.deepEqual(
      [ms.hashes, ms.licenses],
      [[{ alg: "SHA-512", content: "01".repeat(64) }], [{ expression: "MIT" }]],
    );
  });

  test("what composer's lock file names, but for development", async (t) => {
    const bom = await bomOf(
      t,
      "composer",
      { "vendor/autoload.php": "" },
      {
        "composer.lock": JSON.stringify({
          packages: [
            {
              name: "Acme/Colour",
              version: "v1.0",
              license: ["MIT", "GPL-2.0-only"],
              dist: { shasum: "c".repeat(40) },
            },
          ],
          "packages-dev": [{ name: "acme/dev", version: "1" }],
        }),
      },
    );
    assert.deepEqual(bom.components, [
      library("pkg:composer/acme/colour@v1.0", {
        group: "Acme",
        name: "Colour",
        version: "v1.0",
        hashes: [{ alg: "SHA-1", content: "c".repeat(40) }],
        licenses: [{ expression: "MIT OR GPL-2.0-only" }],
      }),
    ]);
  });

  test("whatever is installed, it fits the schema, and nothing outside is read", async (t) => {
    const nasty = ["\u0000\u001b[31m", "x".repeat(10_000), "../../etc/passwd", '"', "é", "a b", "%", "@/"];
    const files: Record<string, string> = {};
    for (const [index, text] of nasty.entries()) {
      files[`python/${index}.dist-info/METADATA`] =
        `Name: ${text}\nVersion: ${text}\nLicense-Expression: ${text}\n\n`;
    }
    const bom = await bomOf(t, "pip", files, { "requirements.txt": "a==1 --hash=sha256:x\n" }, (folder) => {
      const outside = writeFiles(path.join(folder, "../outside"), {
        METADATA: "Name: outside\nVersion: 1\n\n",
      });
      symlinkSync(outside, path.join(folder, "python/link.dist-info"));
      writeFiles(folder, { "python/file.dist-info/RECORD": "" });
      symlinkSync(path.join(outside, "METADATA"), path.join(folder, "python/file.dist-info/METADATA"));
    });
    const found = bom.components.map(({ name }: { name: string }) => name);
    assert.ok(found.includes("../../etc/passwd"), "a name, and no more than that");
    assert.ok(!found.includes("outside"), found.join());
    for (const lock of [
      "[]",
      "{",
      '{"packages":[]}',
      '{"packages":{"node_modules/x":1,"node_modules/":{"version":"1"}}}',
    ]) {
      assert.deepEqual(
        (await bomOf(t, "npm", { "node_modules/x/package.json": "{}" }, { "package-lock.json": lock }))
          .components,
        [],
      );
      assert.deepEqual((await bomOf(t, "composer", {}, { "composer.lock": lock })).components, []);
    }
  });

  test("the same installation gives the same text, and another one another serial number", async (t) => {
    const files = (version: string): Record<string, string> => ({
      [`python/a-${version}.dist-info/METADATA`]: `Name: a\nVersion: ${version}\n\n`,
    });
    const lock = { "requirements.txt": "" };
    const [one, two, other] = [
      await bomOf(t, "pip", files("1"), lock),
      await bomOf(t, "pip", files("1"), lock),
      await bomOf(t, "pip", files("2"), lock),
    ];
    assert.deepEqual(two, one);
    assert.match(
      one.serialNumber,
      /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/u,
    );
    assert.notEqual(other.serialNumber, one.serialNumber);
  });
});

function library(purl: string, rest: object): object {
  return { type: "library", "bom-ref": purl, ...rest, purl };
}

const LOCK: Readonly<Record<Requirements["ecosystem"], string>> = {
  pip: "requirements.txt",
  npm: "package-lock.json",
  composer: "composer.lock",
};

/** Of an installation made of files; it fits CycloneDX's schema. */
async function bomOf(
  t: TestContext,
  ecosystem: Requirements["ecosystem"],
  installed: Readonly<Record<string, string>>,
  own: Readonly<Record<string, string>>,
  more: (dependencies: string) => void = () => {},
): Promise<any> {
  const root = mkdtempSync(path.join(tmpdir(), "whiskers-sbom-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const dependencies = writeFiles(path.join(root, "dependencies"), installed);
  const folder = writeFiles(path.join(root, "package"), own);
  more(dependencies);
  const components: readonly Component[] = await listComponents(
    { ecosystem, files: [LOCK[ecosystem]] },
    { dependencies, folder },
  );
  const pkg = {
    manifest: { id: "a", version: null },
    dependencies: { digest: `sha256:${SHA256}` },
  } as unknown as Package;
  const document = JSON.parse(cycloneDx(pkg, components).toString("utf8"));
  assert.ok(fits(document), JSON.stringify(fits.errors));
  return document;
}
