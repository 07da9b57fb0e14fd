import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { holdVectors } from "../../sdk/test/hold-vectors.ts";
import { testGuest } from "../../sdk/test/test-guest.ts";
import { buildFolder, missingToolchain, runTool } from "../../sdk/test/toolchain.ts";

const SDK = path.resolve(import.meta.dirname, "../../sdk/go");

const skip = missingToolchain("go");

describe("the Go SDK", { skip, timeout: 600_000 }, () => {
  const built = buildFolder();
  before(() => {
    runTool(SDK, ["go", "build", "-o", built.path, "./test/vector-normalizer"]);
  });
  after(() => {
    built[Symbol.dispose]();
  });

  test("its own tests, vet and format", () => {
    runTool(SDK, ["go", "vet", "./..."]);
    runTool(SDK, ["go", "test", "./..."]);
    assert.equal(runTool(SDK, ["gofmt", "-l", "."]), "");
  });

  holdVectors("holds the vectors", ["fresh", "reuse"], (state) =>
    testGuest({ kind: "program", argv: ["./vector-normalizer"] }, built.path, state),
  );
});
