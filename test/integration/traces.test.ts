/** Traces, read by a real receiver of OTLP over gRPC. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import { checkObject } from "../../src/cli/check-object.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { eventually } from "../fixtures/eventually.ts";
import { startOtlpCollector } from "../fixtures/otlp-collector.ts";
import { startSupervisor } from "../fixtures/supervisor-process.ts";

const SOURCE = "Network|internet";

suite("traces", { timeout: 120_000 }, () => {
  let mock: MockOpenKat;
  let home = "";
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "whiskers-traces-"));
    mock = await startMockOpenKat({ check: checkObject, slowMs: 20 });
    const object = { object_type: "Network", name: "internet", primary_key: SOURCE };
    mock.graphs.get("org")?.declare(SOURCE, object);
  });
  after(async () => {
    await mock.close();
    rmSync(home, { recursive: true });
  });
  const add = (todo: object, organisation = "org"): string =>
    mock.addWork({
      normalizer: "puppet",
      content: Buffer.from(JSON.stringify(todo)),
      inputOoi: SOURCE,
      organisation,
    });
  const over = (...ids: readonly string[]): Promise<void> =>
    eventually(
      "they are over",
      () => ids.every((id) => ["completed", "failed"].includes(mock.tasks.get(id)?.status ?? "")),
      60_000,
    );

  test("every task has a trace of its own id: all that was done, with ids, outcome and errors; a drain sends the rest", async () => {
    await using collector = await startOtlpCollector();
    const supervisor = await startSupervisor({
      mock, home, databaseUrl: null, env: { SPAN_EXPORT_GRPC_ENDPOINT: collector.endpoint },
    }); // prettier-ignore
    const good = add({ yield: [{ object_type: "Hostname", network: SOURCE, name: "a.example" }] });
    const raised = add({ raise: "out of cheese" });
    const refused = add({}, "nobody");
    await over(good, raised, refused);
    supervisor.signal("SIGTERM");
    assert.equal(await supervisor.ended, 0);
    assert.equal(collector.resource()["service.name"], "whiskers");

    const spansOf = (id: string) =>
      collector.spans.filter(({ traceId }) => traceId === id.replaceAll("-", ""));
    const names = (id: string): readonly string[] => spansOf(id).map(({ name }) => name);
    for (const name of ["claim", "fetch", "run", "validate", "store", "deliver", "settle", "task puppet"]) {
      assert.equal(names(good).filter((one) => one === name).length, 1, `${name} in ${names(good).join()}`);
    }
    // Who came first had to open a sandbox; the others may have found a warm one.
    assert.ok([good, raised, refused].some((id) => names(id).includes("open")));
    for (const step of ["octopoes/observation", "bytes/normalizer-meta", "mula/completed"]) {
      assert.ok(names(good).includes(step), step);
    }
    const root = spansOf(good).find(({ name }) => name === "task puppet") ?? assert.fail();
    assert.equal(root.parentId, "");
    const deliver = spansOf(good).find(({ name }) => name === "deliver") ?? assert.fail();
    for (const span of spansOf(good)) {
      assert.equal(span.status, 0);
      assert.ok(span.endMs >= span.startMs && span.startMs > Date.now() - 120_000);
      assert.equal(span.attributes["whiskers.task.id"], good);
      assert.equal(span.attributes["whiskers.normalizer.id"], "puppet");
      assert.equal(span.attributes["whiskers.organisation"], "org");
      if (span !== root) assert.equal(span.parentId, span.name.includes("/") ? deliver.spanId : root.spanId);
    }
    const run = spansOf(good).find(({ name }) => name === "run")?.attributes;
    assert.match(String(run?.["whiskers.run.id"]), /^[0-9a-f-]{36}$/u);
    assert.match(String(run?.["whiskers.package.digest"]), /^sha256:/u);
    assert.equal(run?.["whiskers.outcome"], "succeeded");

    const failed = (id: string): readonly unknown[] =>
      spansOf(id)
        .filter(({ status }) => status === 2)
        .map(({ name, attributes }) => [name, attributes["error.type"]]);
    assert.deepEqual(
      new Map(failed(raised) as [string, string][]),
      new Map([
        ["run", "normalizer-raised"],
        ["task puppet", "normalizer-raised"],
      ]),
    );
    assert.match(spansOf(raised).find(({ name }) => name === "run")?.message ?? "", /out of cheese/u);
    assert.deepEqual(
      new Set(failed(refused).map((one) => JSON.stringify(one))),
      new Set([
        '["octopoes/observation","upstream-refused"]',
        '["deliver",null]',
        '["task puppet","upstream-refused"]',
      ]),
    );
  });

  test("a collector that is away is said once, and holds up neither a task nor the end", async () => {
    const supervisor = await startSupervisor({
      mock, home, databaseUrl: null, env: { SPAN_EXPORT_GRPC_ENDPOINT: "http://127.0.0.1:1" },
    }); // prettier-ignore
    const ids = Array.from({ length: 30 }, () => add({}));
    await over(...ids);
    assert.ok(ids.every((id) => mock.tasks.get(id)?.status === "completed"));
    await eventually(
      "it is said",
      () => supervisor.log.some(({ msg }) => msg.startsWith("traces are not taken")),
      20_000,
    );
    const startedMs = performance.now();
    supervisor.signal("SIGTERM");
    assert.equal(await supervisor.ended, 0);
    assert.ok(performance.now() - startedMs < 20_000);
    assert.equal(supervisor.log.filter(({ msg }) => msg.startsWith("traces are not taken")).length, 1);
  });
});
