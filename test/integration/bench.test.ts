import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "node:test";

import type { BenchTable } from "../../src/bench/bench-table.ts";

const MAIN = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

function bench(...args: readonly string[]): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
} {
  return spawnSync(process.execPath, [MAIN, "bench", ...args], { encoding: "utf8", timeout: 60_000 });
}

suite("whiskers bench", () => {
  test("measures every state policy of a runtime beside what people use today, and draws it", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "whiskers-bench-test-"));
    try {
      const svg = path.join(folder, "chart.svg");
      const { status, stdout, stderr } = bench("--quick", "--runtime", "inline", "--json", "--svg", svg);
      assert.equal(status, 0, stderr);
      const { rows, leftOut } = JSON.parse(stdout) as BenchTable;
      const names = rows.map(({ runtime, how, language }) => `${runtime} ${how} ${language}`);
      for (const name of [
        "in-process call python",
        "python3 -c per run python",
        "inline fork python",
        "inline reuse javascript",
      ])
        assert.ok(names.includes(name), name);
      for (const { runMs, runsPerSecond } of rows) {
        assert.ok(runMs.low > 0 && runMs.low <= runMs.p50 && runMs.p50 <= runMs.high);
        assert.ok(runsPerSecond.p50 > 0);
      }
      const fork = rows.find(({ runtime, how }) => runtime === "inline" && how === "fork");
      // Ten of them share what an interpreter and its libraries are made of.
      const [one, ten] = [fork?.idleBytes?.p50 ?? 0, fork?.idleBytesOfTen?.p50 ?? 0];
      assert.ok(one > 1e6 && ten > one && ten < 10 * one, `${one} bytes, ${ten} bytes`);
      assert.ok((fork?.startMs?.p50 ?? 0) > (fork?.readyMs?.p50 ?? 0));
      assert.ok(
        names.includes("docker run per run python") ||
          leftOut.some(({ runtime }) => runtime === "docker run"),
      );
      const chart = readFileSync(svg, "utf8");
      assert.ok(chart.startsWith("<svg ") && chart.includes("prefers-color-scheme: dark"));
      assert.ok(chart.includes("inline"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("says which runtimes there are when it knows none of a name, and where it cannot write", () => {
    const unknown = bench("--runtime", "oci:runcs");
    assert.equal(unknown.status, 2, unknown.stderr);
    assert.match(unknown.stderr, /there is no runtime "oci:runcs"; did you mean "oci:runc"\?/u);
    const nowhere = bench("--quick", "--svg", "/proc/none/chart.svg");
    assert.equal(nowhere.status, 2, nowhere.stderr);
    assert.match(nowhere.stderr, /--svg \/proc\/none\/chart\.svg: no such file or folder/u);
  });
});
