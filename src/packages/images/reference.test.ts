import assert from "node:assert/strict";
import { suite, test } from "node:test";

import * as fc from "fast-check";

import { WhiskersError } from "../../errors.ts";
import { familiarReference, formatReference, parseReference } from "./reference.ts";

const HEX = "0123456789abcdef".repeat(4);

/** As Docker's client writes them out in full. */
const READ: readonly (readonly [text: string, full: string, familiar?: string])[] = [
  ["debian", "docker.io/library/debian:latest", "debian:latest"],
  ["debian:12", "docker.io/library/debian:12", "debian:12"],
  ["library/debian:12", "docker.io/library/debian:12", "debian:12"],
  ["docker.io/debian:12", "docker.io/library/debian:12", "debian:12"],
  ["index.docker.io/debian:12", "docker.io/library/debian:12", "debian:12"],
  ["openkat/nmap:1", "docker.io/openkat/nmap:1", "openkat/nmap:1"],
  ["localhost/nmap", "localhost/nmap:latest"],
  ["localhost:5000/a/b/c:V1.0_x-y", "localhost:5000/a/b/c:V1.0_x-y"],
  ["127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"],
  ["[::1]:5000/a:1", "[::1]:5000/a:1"],
  ["registry.example/a", "registry.example/a:latest"],
  ["Registry/a", "Registry/a:latest"],
  ["a.b", "docker.io/library/a.b:latest", "a.b:latest"],
  ["a__b-c--d", "docker.io/library/a__b-c--d:latest", "a__b-c--d:latest"],
  [`debian@sha256:${HEX}`, `docker.io/library/debian@sha256:${HEX}`, `debian@sha256:${HEX}`],
  [`a/b:1@sha256:${HEX}`, `docker.io/a/b:1@sha256:${HEX}`, `a/b:1@sha256:${HEX}`],
  ["docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"],
  ["docker.io/localhost/a", "docker.io/localhost/a:latest"],
];

const REFUSED: readonly (readonly [text: string, why: RegExp])[] = [
  ["", /names no image/u],
  ["library/", /names no image/u],
  [":1", /names no image/u],
  ["Debian", /holds capitals/u],
  ["a/B", /holds capitals/u],
  ["a b", /no name/u],
  ["a/", /no name/u],
  ["/a", /no name/u],
  ["a//b", /no name/u],
  ["a___b", /no name/u],
  ["-a", /no name/u],
  ["../a", /no host|no name/u],
  ["a/..", /no name/u],
  ["a:", /no tag/u],
  ["a:-x", /no tag/u],
  [`a:${"x".repeat(129)}`, /no tag/u],
  ["a@sha256:12", /digest is expected/u],
  [`a@sha256:${HEX.toUpperCase()}`, /digest is expected/u],
  [`a@sha512:${HEX}${HEX}`, /digest is expected/u],
  [`a@sha256:${HEX}@sha256:${HEX}`, /more than one @/u],
  ["https://registry.example/a", /no host/u],
  ["user:secret@registry.example/a", /digest is expected/u],
  ["registry.example:/a", /no host/u],
  ["-registry.example/a", /no host/u],
  ["a".repeat(256), /more than 255/u],
  ["a\n", /no name/u],
  ["a:1\n", /no tag/u],
];

suite("references", () => {
  for (const [text, full, familiar = full] of READ) {
    test(`${text} is ${full}`, () => {
      const reference = parseReference(text);
      assert.equal(formatReference(reference), full);
      assert.equal(familiarReference(reference), familiar);
    });
  }

  for (const [text, why] of REFUSED) {
    test(`${JSON.stringify(text.slice(0, 60))} is refused`, () => {
      assert.throws(
        () => parseReference(text),
        (error) => {
          assert.ok(error instanceof WhiskersError);
          assert.equal(error.code, "reference-invalid");
          assert.match(error.message, why);
          return true;
        },
      );
    });
  }

  test("whatever is read is read back the same from both of its forms", () => {
    const part = fc.stringMatching(/^[a-z0-9]{1,4}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}$/u);
    const host = fc.oneof(
      fc.constantFrom(
        "docker.io",
        "index.docker.io",
        "localhost",
        "localhost:1",
        "[::1]:5000",
        "A",
        "a.b:80",
      ),
      fc.constant(null),
    );
    const tag = fc.option(fc.stringMatching(/^\w[\w.-]{0,8}$/u));
    const digest = fc.option(fc.stringMatching(/^[0-9a-f]{64}$/u));
    const texts = fc
      .tuple(host, fc.array(part, { minLength: 1, maxLength: 4 }), tag, digest)
      .map(([registry, parts, label, hex]) =>
        [
          registry === null ? "" : `${registry}/`,
          parts.join("/"),
          label === null ? "" : `:${label}`,
          hex === null ? "" : `@sha256:${hex}`,
        ].join(""),
      );
    fc.assert(
      fc.property(texts, (text) => {
        // Then the first part would be a host, and is none.
        fc.pre(!/^[^/]*_[^/]*\.|^[^/]*\.[^/]*_/u.test(text));
        const reference = parseReference(text);
        assert.deepEqual(parseReference(formatReference(reference)), reference);
        assert.deepEqual(parseReference(familiarReference(reference)), reference);
      }),
      { numRuns: 500 },
    );
  });

  test("any text is read or refused, and never becomes a path that climbs", () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: fc.constantFrom("a", "B", "/", ".", ":", "@", "-", "_", "%", "\\", "\0") }),
    );
    fc.assert(
      fc.property(texts, (text) => {
        try {
          const { repository, registry } = parseReference(text);
          assert.ok(
            repository.split("/").every((part) => /^[a-z0-9]/u.test(part)),
            repository,
          );
          assert.doesNotMatch(registry, /[/@\\?#]/u);
        } catch (error) {
          assert.ok(error instanceof WhiskersError && error.code === "reference-invalid", String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});
