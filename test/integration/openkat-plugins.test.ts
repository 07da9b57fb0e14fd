/** A folder of plugins as OpenKAT has them, unchanged, in the sandbox and under `whiskers supervise`. */
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { checkObject } from "../../src/cli/check-object.ts";
import type { Records } from "../../src/domain/record.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { eventually } from "../fixtures/eventually.ts";
import { startSupervisor } from "../fixtures/supervisor-process.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const FIXTURES = path.join(ROOT, "test/fixtures");
const PLUGINS = path.join(FIXTURES, "openkat-plugins");
const RAWS = path.join(FIXTURES, "openkat-raws");

const inputs = read("openkat-raws/inputs.json") as Record<string, { readonly primary_key: string }>;
const expected = read("openkat-outputs.json") as Record<string, Records>;

let home = "";
before(() => {
  home = mkdtempSync(path.join(tmpdir(), "whiskers-openkat-"));
});
after(() => {
  rmSync(home, { recursive: true });
});

describe("in the sandbox", { timeout: 120_000 }, () => {
  for (const options of [
    ["--state", "fresh"],
    ["--state", "fork"],
    ["--state", "reuse"],
    ["--runtime", "inline"],
  ]) {
    test(options.join(" "), () => {
      const input = JSON.stringify(inputs["test_ports"]);
      const args = ["run", path.join(PLUGINS, "kat_ports"), path.join(RAWS, "test_ports"), "--json"];
      const env = { ...process.env, WHISKERS_HOME: home };
      const text = execFileSync(path.join(ROOT, "whiskers"), [...args, "--input-ooi", input, ...options], {
        encoding: "utf8",
        env,
      });
      const [run] = (JSON.parse(text) as { readonly runs: readonly RunDocument[] }).runs;
      assert.equal(run?.outcome.status, "succeeded", text);
      assert.deepEqual(run.objects, expected["test_ports"]?.objects);
      assert.ok(run.run.models === "stand-in" || run.run.models === "installed");
    });
  }

  test("what goes wrong is seen, with its line", async () => {
    const args = ["run", path.join(PLUGINS, "kat_ports"), path.join(RAWS, "test_dns_answers"), "--json"];
    const env = { ...process.env, WHISKERS_HOME: home };
    const { code, stdout } = await new Promise<{ readonly code: unknown; readonly stdout: string }>(
      (resolve) => {
        execFile(path.join(ROOT, "whiskers"), args, { env }, (error, out) => {
          resolve({ code: error?.code ?? 0, stdout: out });
        });
      },
    );
    assert.equal(code, 1);
    const [run] = (JSON.parse(stdout) as { readonly runs: readonly RunDocument[] }).runs;
    assert.equal(run?.outcome.code, "normalizer-raised");
    assert.equal(run?.outcome.guestError?.type, "KeyError");
    assert.match(run?.outcome.guestError?.stack ?? "", /normalize\.py", line \d+, in run/u);
  });
});

interface RunDocument {
  readonly outcome: {
    readonly status: string;
    readonly code?: string;
    readonly guestError?: { readonly type: string; readonly stack: string };
  };
  readonly objects: readonly unknown[];
  readonly run: { readonly models?: string };
}

test("a whole folder of plugins under whiskers supervise", { timeout: 180_000 }, async () => {
  const mock = await startMockOpenKat({ check: checkObject });
  const supervisor = await startSupervisor({
    mock,
    home,
    databaseUrl: null,
    env: {
      WHISKERS_NORMALIZERS: PLUGINS,
      BOEFJES_SCAN_PROFILE_WHITELIST: '{"test_ranges": 2}',
    },
  });
  try {
    const tasks = new Map(Object.keys(expected).map((id) => [id, addTask(mock, id)]));
    await eventually(
      "all tasks are final",
      () => [...tasks.values()].every((id) => /completed|failed/u.test(mock.tasks.get(id)?.status ?? "")),
      120_000,
    );
    for (const [id, task] of tasks) {
      assert.equal(mock.tasks.get(task)?.status, "completed", `${id}: ${JSON.stringify(supervisor.log)}`);
      const sent = written(mock, task);
      const { objects = [], declarations = [], affirmations = [] } = expected[id] ?? {};
      const source = inputs[id]?.primary_key;
      assert.deepEqual(
        sent("observation").flatMap((body) => (body as { readonly result: readonly unknown[] }).result),
        objects.filter(({ primary_key }) => primary_key !== source),
      );
      const held = (kind: string): unknown[] =>
        sent(kind).map((body) => (body as { readonly ooi: unknown }).ooi);
      assert.deepEqual(
        held("declaration"),
        declarations.map(({ object }) => object),
      );
      assert.deepEqual(
        held("affirmation"),
        affirmations.map(({ object }) => object),
      );
      assert.equal(mock.raws.normalizerMetas.get(task)?.normalizer.id, id);
    }
    const levels = [...(mock.graphs.get("org")?.scanProfiles.values() ?? [])].map(({ level }) => level);
    assert.deepEqual(
      levels.toSorted((a, b) => a - b),
      [0, 2],
      "declared levels, lowered to the whitelist's",
    );
  } finally {
    await supervisor.kill();
    await mock.close();
  }
});

function addTask(mock: MockOpenKat, id: string): string {
  const input = inputs[id];
  // Whoever only declares needs no object to observe.
  const observes = (expected[id]?.objects.length ?? 0) + (expected[id]?.affirmations.length ?? 0) > 0;
  const inputOoi = input?.primary_key ?? (observes ? "Network|internet" : null);
  if (inputOoi !== null) {
    const [object_type = ""] = inputOoi.split("|");
    mock.graphs.get("org")?.declare(inputOoi, { object_type, primary_key: inputOoi });
  }
  return mock.addWork({
    normalizer: id,
    content: readFileSync(path.join(RAWS, id)),
    inputOoi,
    mimeTypes: [`normalizer/${id}`],
    ...(input === undefined ? {} : { input }),
  });
}

function written(mock: MockOpenKat, task: string): (kind: string) => readonly unknown[] {
  return (kind) =>
    mock.received.filter((write) => write.taskId === task && write.kind === kind).map(({ body }) => body);
}

function read(file: string): unknown {
  return JSON.parse(readFileSync(path.join(FIXTURES, file), "utf8"));
}
