/**
 * A supervisor at a steady rate for long: `node bench/soak.ts [--minutes N] [--per-second N] [--save NAME]`. Its memory is looked at
 * ten times, garbage collected first. mock-openkat works in this process.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { checkObject } from "../src/cli/check-object.ts";
import { openDatabase } from "../src/db/open-database.ts";
import { startMockOpenKat } from "../src/mock-openkat/start-mock-openkat.ts";
import { cpuMsOf, residentBytesOf } from "../src/sandbox/drivers/process-tree.ts";
import { startPostgres } from "../test/fixtures/postgres-server.ts";
import { openHeap } from "./inspected-heap.ts";
import { saveResult } from "./save-result.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const SOURCE = { object_type: "Network", name: "internet", primary_key: "Network|internet" };
const LOOKS = 10;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    "per-second": { type: "string", default: "50" },
    save: { type: "string" },
  },
});
const figures = await soak(Number(values.minutes), Number(values["per-second"]));
process.stdout.write(`${JSON.stringify(figures, null, 1)}\n`);
if (values.save !== undefined) saveResult("soak", values.save, figures);

async function soak(minutes: number, perSecond: number): Promise<object> {
  const home = mkdtempSync(path.join(tmpdir(), "whiskers-soak-"));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => {
    rmSync(home, { recursive: true, force: true });
  });
  const server = undo.use(await startPostgres());
  const mock = await startMockOpenKat({ check: checkObject });
  undo.defer(() => mock.close());
  mock.graphs.get("org")?.declare(SOURCE.primary_key, SOURCE);
  const url = await server.createDatabase();
  const database = await openDatabase({ url, home });
  undo.defer(() => database.close());
  const log = path.join(home, "log");
  const file = openSync(log, "a");
  const flags = ["--max-semi-space-size=4", "--heap-growing-percent=25", "--inspect=127.0.0.1:0"];
  const supervisor = spawn(process.execPath, [...flags, path.join(ROOT, "src/cli/main.ts"), "supervise"], {
    stdio: ["ignore", "ignore", file],
    env: {
      PATH: process.env["PATH"],
      HOME: home,
      WHISKERS_HOME: home,
      WHISKERS_NORMALIZERS: path.join(ROOT, "src/bench/normalizers/python"),
      WHISKERS_SLOTS: "4",
      WHISKERS_KEEP: "5m",
      DATABASE_URL: url,
      SCHEDULER_API: mock.urls.mula,
      BYTES_API: mock.urls.bytes,
      BYTES_USERNAME: "bytes",
      BYTES_PASSWORD: "bytes",
      OCTOPOES_API: mock.urls.octopoes,
    },
  });
  closeSync(file);
  undo.defer(async () => {
    supervisor.kill("SIGTERM");
    if (supervisor.exitCode === null) await once(supervisor, "exit");
  });
  const pid = supervisor.pid ?? 0;
  const curve: object[] = [];
  const beganMs = performance.now();
  const isDone = ({ status }: { readonly status: string }): boolean => status === "completed";
  for (let second = 1; second <= minutes * 60; second += 1) {
    for (let at = 0; at < perSecond; at += 1) {
      const content = Buffer.from(`a${second}-${at}.example\nb.example\n`);
      mock.addWork({ normalizer: "bench", content, inputOoi: SOURCE.primary_key });
    }
    await sleep(Math.max(0, beganMs + second * 1000 - performance.now()));
    if (second % Math.floor((minutes * 60) / LOOKS) !== 0) continue;
    if (supervisor.exitCode !== null) throw new Error(`the supervisor ended with ${supervisor.exitCode}`);
    using heap = await openHeap(log);
    const heapBytes = await heap.usedBytes();
    const done = mock.tasks.all().filter(isDone).length;
    // Those of five minutes and the ten between two times of forgetting: more, and forgetting does not keep up.
    const [kept] = await database.query<{ tasks: number }>(
      "select count(*)::int as tasks from whiskers.task",
    );
    curve.push({ second, done, residentBytes: residentBytesOf(pid), heapBytes, tasksKept: kept?.tasks });
  }
  return { minutes, perSecond, cpuMs: cpuMsOf(pid, "alone"), curve };
}
