import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "node:test";

import { fakeEngine } from "../../testing/fake-engine.ts";
import { EngineImages } from "./engine-images.ts";

it("an old image that the engine does not remove is in nobody's way, and tried again the next time", async (t) => {
  const stateDirectory = mkdtempSync(path.join(tmpdir(), "whiskers-images-test-"));
  t.after(() => {
    rmSync(stateDirectory, { recursive: true, force: true });
  });
  const answers: Readonly<Record<string, number>> = { busy: 409, stuck: 500, gone: 404, old: 200 };
  const asked: string[] = [];
  const engine = await fakeEngine(t, (request, response) => {
    const tag = path.basename(request.url ?? "");
    asked.push(tag);
    response.statusCode = answers[tag] ?? 400;
    response.end('{"message":"said by the engine"}');
  });
  const images = new EngineImages({ engine, stateDirectory, engineId: "one", nextName: () => "draft" });
  // The engine's name as a hash.
  const records = path.join(stateDirectory, "engine-images", "7692c3ad3540bb80");
  mkdirSync(records, { recursive: true });
  for (const tag of Object.keys(answers)) {
    const record = path.join(records, `${tag}.json`);
    writeFileSync(record, JSON.stringify({ id: `sha256:${tag}`, tag, layers: [] }));
    utimesSync(record, 1, 1);
  }
  await images.reap();
  assert.deepEqual(asked.toSorted(), Object.keys(answers).toSorted());
  assert.deepEqual(readdirSync(records).toSorted(), ["busy.json", "stuck.json"]);
});
