/** How long a first run takes from an image in the store, beside the same from a folder: medians of interleaved rounds. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");
const PUPPET = join(ROOT, "test/fixtures/normalizers/puppet");
const ROUNDS = 9;
/** Above the folder's: what is measured is mostly the start of a process, and that varies so much. */
const MOST = 1.25;

describe("a package from an image in the store", () => {
  let folder = "";
  const whiskers = (...args: readonly string[]): number => {
    const env = { ...process.env, WHISKERS_HOME: join(folder, "home") };
    const startMs = performance.now();
    const ran = spawnSync(process.execPath, [join(ROOT, "src/cli/main.ts"), ...args], {
      encoding: "utf8",
      env,
    });
    const elapsedMs = performance.now() - startMs;
    assert.equal(ran.status, 0, ran.stderr);
    return elapsedMs;
  };
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "whiskers-image-start-"));
    cpSync(PUPPET, join(folder, "puppet"), { recursive: true });
    writeFileSync(join(folder, "raw.json"), '{"hostnames": 3}');
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("starts as fast as from a folder", (t) => {
    whiskers("build", join(folder, "puppet"), "--base", "none", "-t", "local/puppet:1");
    const run = (reference: string): number => whiskers("run", reference, join(folder, "raw.json"), "--json");
    const sources = [join(folder, "puppet"), "local/puppet:1"] as const;
    // Once each: a copy is made of the folder, and layers of the image are unpacked.
    for (const source of sources) run(source);
    const times = sources.map((): number[] => []);
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [index, source] of sources.entries()) times[index]?.push(run(source));
    }
    const [fromFolder = 0, fromImage = Infinity] = times.map(medianOf);
    t.diagnostic(`folder ${fromFolder.toFixed(0)} ms, image ${fromImage.toFixed(0)} ms`);
    assert.ok(fromImage <= MOST * fromFolder, `${fromImage} ms, from a folder ${fromFolder} ms`);
  });
});

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
