import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { columnsOf } from "../terminal/columns.ts";
import { describeTerminal } from "../terminal/terminal.ts";
import { showSummary } from "./show-summary.ts";
import type { DemoSummary } from "./summary.ts";

const REASON =
  "its process was ended by SIGABRT before it said that it was done, and this says why at length";

const SUMMARY: DemoSummary = {
  tasks: 300,
  succeeded: 299,
  failed: 1,
  objects: 44_037,
  findings: 184,
  failures: [
    {
      task: "t",
      normalizer: "misbehaving-crashes",
      raw: "r",
      code: "normalizer-crashed",
      message: REASON,
      fault: "normalizer",
      expected: true,
    },
  ],
  unexpected: [],
  leftOut: [],
  workMs: 8370,
  runsPerSecond: 36,
  timePerRunMs: { p50: 12, p99: 727 },
  sandbox: {
    driver: "subprocess",
    version: "bubblewrap 0.8.0",
    states: { fork: 145, reuse: 140, fresh: 15 },
    protections: ["user-namespace", "mount-namespace", "pid-namespace", "network-namespace", "seccomp"].map(
      (name) => ({ name, by: "bubblewrap" }),
    ),
    missing: ["cpu-limit"],
    advice: [
      "no cgroup is writable, so memory is limited by rlimit and a watchdog: run as root, or elsewhere",
    ],
  },
  home: null,
};

suite("showSummary", () => {
  for (const columns of [80, 120]) {
    test(`keeps to ${columns} columns and tells every reason whole`, () => {
      const shown = showSummary(SUMMARY, process.cwd(), describeTerminal({}, { COLUMNS: String(columns) }));
      for (const line of shown.split("\n")) assert.ok(columnsOf(line) <= columns, line);
      const text = shown.replaceAll(/\s+/gu, " ");
      assert.ok(text.includes(REASON));
      assert.ok(text.includes("run as root, or elsewhere"));
    });
  }
});
