import path from "node:path";
import { after, before, describe, test } from "node:test";

import { holdVectors } from "../../sdk/test/hold-vectors.ts";
import { testGuest } from "../../sdk/test/test-guest.ts";
import { buildFolder, missingToolchain, runTool } from "../../sdk/test/toolchain.ts";

const SDK = path.resolve(import.meta.dirname, "../../sdk/rust");

const skip = missingToolchain("cargo");

describe("the Rust SDK", { skip, timeout: 600_000 }, () => {
  const built = buildFolder();
  const cargo = (...args: readonly string[]): string =>
    runTool(SDK, ["cargo", ...args, "--offline", "--target-dir", built.path], { RUSTFLAGS: "-D warnings" });
  before(() => {
    cargo("build", "--examples");
  });
  after(() => {
    built[Symbol.dispose]();
  });

  test("its own tests", () => {
    cargo("test");
  });

  holdVectors("holds the vectors", ["fresh", "reuse"], (state) =>
    testGuest(
      { kind: "program", argv: ["./vector_normalizer"] },
      path.join(built.path, "debug/examples"),
      state,
    ),
  );
});
