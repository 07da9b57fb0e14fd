import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, suite, test } from "node:test";

import { openCatalogue } from "../packages/catalogue.ts";
import { openNormalizers, type Normalizers } from "./normalizers.ts";

suite("the normalizers of a process", () => {
  let home = "";
  let packages = "";
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "whiskers-normalizers-"));
    // Not `packages`: there lie the copies.
    packages = join(home, "given");
  });
  afterEach(() => {
    rmSync(home, { recursive: true });
  });
  const put = (name: string, id: string, code = "def run(meta, raw): return []\n"): void => {
    const draft = join(home, "draft");
    mkdirSync(draft, { recursive: true });
    mkdirSync(packages, { recursive: true });
    writeFileSync(
      join(draft, "normalizer.json"),
      JSON.stringify({ id, name: id, environment: "python", entrypoint: "normalize" }),
    );
    writeFileSync(join(draft, "normalize.py"), code);
    rmSync(join(packages, name), { recursive: true, force: true });
    renameSync(draft, join(packages, name));
  };
  const open = (...paths: readonly string[]): Promise<Normalizers> =>
    openNormalizers(paths, openCatalogue({ home }));

  test("a package that is added, changed, renamed or removed in a folder of packages is seen without a restart", async () => {
    put("a", "one");
    put("b", "two");
    const normalizers = await open(packages);
    assert.deepEqual(normalizers.ids, ["one", "two"]);
    const digest = (await normalizers.open("one")).digest;
    assert.deepEqual(await normalizers.refresh([]), { added: [], removed: [], troubles: [] });

    put("c", "three");
    put("a", "one", "def run(meta, raw): yield {}\n");
    rmSync(join(packages, "b"), { recursive: true });
    assert.deepEqual(await normalizers.refresh([]), { added: ["three"], removed: ["two"], troubles: [] });
    assert.deepEqual(normalizers.ids, ["one", "three"]);
    assert.notEqual((await normalizers.open("one")).digest, digest);
    assert.ok(normalizers.has("three") && !normalizers.has("two"));

    put("c", "four");
    assert.deepEqual(await normalizers.refresh([]), { added: ["four"], removed: ["three"], troubles: [] });
  });

  test("what cannot be used is named, and the others go on; a folder that is away takes nothing with it", async () => {
    put("a", "one");
    const normalizers = await open(packages);
    put("b", "one");
    mkdirSync(join(packages, "c"));
    writeFileSync(join(packages, "c", "normalizer.json"), "{");
    const { added, removed, troubles } = await normalizers.refresh([]);
    assert.deepEqual([added, removed, normalizers.ids], [[], [], ["one"]]);
    assert.equal(troubles.length, 2);
    assert.match(troubles.map(({ reason }) => reason).join(), /both have the id one/u);
    renameSync(packages, join(home, "away"));
    assert.match((await normalizers.refresh([])).troubles[0]?.reason ?? "", /WHISKERS_NORMALIZERS: .*given/u);
    assert.deepEqual(normalizers.ids, ["one"]);
    renameSync(join(home, "away"), packages);
    await assert.rejects(open(packages), { code: "config-invalid" });
  });
});
