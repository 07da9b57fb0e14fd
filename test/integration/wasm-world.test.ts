/** The world in protocol/wit and the driver are one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { componentEmbed, componentNew, componentWit } from "@bytecodealliance/jco-transpile/wasm-tools";

import { inspectWit } from "../../src/sandbox/drivers/wasm/process/component/inspect-wit.ts";

const WIT = path.resolve(import.meta.dirname, "../../protocol/wit");

test("a component of the published world is one that the driver takes", async () => {
  assert.equal(inspectWit(await witOf(readFileSync(path.join(WIT, "normalizer.wit"), "utf8"))), null);
});

test("a component of another world is told what it lacks", async () => {
  const changed = readFileSync(path.join(WIT, "normalizer.wit"), "utf8").replace(
    "run: func(meta: string,",
    "run: func(meta: u32,",
  );
  assert.match(String(inspectWit(await witOf(changed))), /exports run: func\(meta: u32, .* of the world/u);
});

/** What a component of this world says of itself. */
async function witOf(witSource: string): Promise<string> {
  const module = await componentEmbed({ dummy: true, witSource });
  return componentWit(await componentNew(module, []));
}
