/** What was made of a component is kept, by all that it depends on. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { after, suite, test } from "node:test";

import { barePackage } from "../../testing/bare-package.ts";
import type { Host } from "./host.ts";
import { openComponent } from "./open-component.ts";

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-component-"));
const HEADER = Buffer.from([0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]);

suite("opening a component", () => {
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("takes it apart once, and again where another Whiskers did", async () => {
    const place = path.join(folder, "package");
    mkdirSync(place);
    writeFileSync(path.join(place, "it.wasm"), HEADER);
    const pkg = barePackage({
      name: "it",
      folder: place,
      guest: { kind: "wasm", file: "it.wasm", args: [], plain: false },
    });
    const launched: string[] = [];
    const open = (programDigest: string): ReturnType<typeof openComponent> =>
      openComponent(hostWith(programDigest, launched), folder, pkg, "it.wasm");
    const first = await open("a");
    assert.deepEqual(await open("a"), first);
    assert.notDeepEqual(await open("b"), first);
    assert.deepEqual(launched, ["a", "b"]);
  });
});

/** Its processes say what the transpiler says of a component of nothing. */
function hostWith(programDigest: string, launched: string[]): Host {
  return {
    version: "1",
    protections: [],
    advice: [],
    programDigest,
    nextName: () => `draft-${launched.length}`,
    launch: () => {
      launched.push(programDigest);
      const [input, output, errors] = [new PassThrough(), new PassThrough(), new PassThrough()];
      output.end(`${JSON.stringify({ trouble: null, files: [] })}\n`);
      errors.end();
      return Promise.resolve({
        id: "it",
        runtime: { driver: "wasm", version: "1" },
        protections: [],
        input,
        output,
        errors,
        ended: Promise.resolve({ exitCode: 0, signal: null, outOfMemory: false, runtimeError: null }),
        signal: () => {},
        usage: () => Promise.resolve({ cpuMs: null, peakMemoryBytes: null }),
        close: () => Promise.resolve(),
      });
    },
  };
}
