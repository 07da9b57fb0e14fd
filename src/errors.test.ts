import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { suite, test } from "node:test";

import { ERRORS, WhiskersError } from "./errors.ts";

const DOCUMENT = new URL("../docs/errors.md", import.meta.url);

/** What docs/errors.md has to hold, from the table. */
function documented(): string {
  const rows = Object.entries(ERRORS).map(([code, { fault, retryable, exitCode, summary, remedy }]) =>
    [
      `## \`${code}\``,
      "",
      summary,
      "",
      `Fault: ${fault}. Trying again ${retryable ? "may help" : "does not help by itself"}. Exit code ${exitCode}.`,
      "",
      remedy,
      "",
    ].join("\n"),
  );
  return rows.join("\n");
}

suite("errors", () => {
  test("docs/errors.md holds every row of the table, as it is", () => {
    const text = readFileSync(DOCUMENT, "utf8");
    const from = text.indexOf("## `");
    assert.equal(
      text.slice(from),
      documented(),
      "docs/errors.md from its first code on must be:\n" + documented(),
    );
  });

  test("an exit code follows from the fault", () => {
    for (const [code, { fault, exitCode }] of Object.entries(ERRORS)) {
      if (fault === "normalizer") assert.equal(exitCode, 1, code);
      if (fault === "platform" || fault === "upstream") assert.equal(exitCode, 3, code);
    }
  });

  test("summaries and remedies are sentences without surprises", () => {
    for (const [code, { summary, remedy }] of Object.entries(ERRORS)) {
      assert.match(code, /^[a-z]+(?:-[a-z]+)*$/u);
      for (const text of [summary, remedy]) assert.match(text, /^[^\p{Cc}]{5,200}\.$/u, `${code}: ${text}`);
    }
  });

  test("an error knows its row and keeps its cause", () => {
    const cause = new Error("below");
    const error = new WhiskersError("usage", "above", { cause });
    assert.equal(error.row, ERRORS.usage);
    assert.equal(error.cause, cause);
  });
});
