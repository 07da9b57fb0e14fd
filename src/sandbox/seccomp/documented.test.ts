import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { it } from "node:test";

import { ALLOWED, RULES } from "./allowed-calls.ts";

it("docs/runtimes/subprocess.md lists every system call that the filter allows, and why", () => {
  const file = path.resolve(import.meta.dirname, "../../../docs/runtimes/subprocess.md");
  const rows = readFileSync(file, "utf8").split("\n");
  for (const { name, why, calls } of ALLOWED) {
    const listed = Object.keys(calls)
      .map((call) => `\`${call}\``)
      .join(", ");
    assert.ok(rows.includes(`| ${name} | ${why} | ${listed} |`), `the row of ${name} is not as in the table`);
  }
  for (const { call } of RULES)
    assert.ok(
      rows.some((row) => row.includes(`\`${call}\``)),
      call,
    );
});
