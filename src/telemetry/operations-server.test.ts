import assert from "node:assert/strict";
import { test } from "node:test";

import { openMetrics } from "./metrics.ts";
import { startOperationsServer } from "./operations-server.ts";

test("health, readiness and metrics", async () => {
  let asked = 0;
  let reason: string | null = "no database";
  const metrics = openMetrics({
    queue: () => {
      asked += 1;
      return Promise.resolve({ depth: { queued: 7 }, oldestSeconds: 1.5 });
    },
    sandboxes: () => ({ count: 2, memoryBytes: 1024 }),
    packages: () => ({ normalizers: 1, troubles: 0 }),
  });
  metrics.countRun("kat_x", { status: "succeeded" }, { run: 2 });
  metrics.countRun("kat_x", { status: "failed", code: "time-limit", message: "" }, {});
  metrics.countTask("kat_x", { status: "failed", code: "time-limit", message: "" });
  metrics.countUpstreamError({ service: "Bytes", endpoint: "raw", kind: "timeout" });
  const server = await startOperationsServer({
    host: "127.0.0.1",
    port: 0,
    version: "1",
    metrics,
    notReady: () => reason,
  });
  try {
    const health = await fetch(`${server.url}/health`);
    assert.deepEqual(await health.json(), {
      service: "whiskers",
      healthy: true,
      version: "1",
      additional: null,
      results: [],
    });
    const notReady = await fetch(`${server.url}/ready`);
    assert.deepEqual(
      [notReady.status, await notReady.json()],
      [503, { ready: false, reason: "no database" }],
    );
    reason = null;
    assert.equal((await fetch(`${server.url}/ready`)).status, 200);
    const text = await (await fetch(`${server.url}/metrics`)).text();
    for (const line of [
      'whiskers_runs_total{normalizer="kat_x",status="succeeded",code=""} 1',
      'whiskers_runs_total{normalizer="kat_x",status="failed",code="time-limit"} 1',
      'whiskers_phase_seconds_bucket{le="0.0025",phase="run"} 1',
      'whiskers_tasks_total{normalizer="kat_x",status="failed",code="time-limit",fault="normalizer"} 1',
      'whiskers_upstream_errors_total{service="bytes",endpoint="raw",kind="timeout"} 1',
      'whiskers_queue_tasks{state="queued"} 7',
      "whiskers_queue_oldest_seconds 1.5",
      "whiskers_idle_sandboxes 2",
    ]) {
      assert.ok(text.includes(`${line}\n`), `${line}\n${text}`);
    }
    assert.equal(asked, 1);
  } finally {
    await server.close();
  }
});
