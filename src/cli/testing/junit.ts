import { showDifferences } from "./show-differences.ts";
import type { TestResult } from "./test-normalizer.ts";

export interface TestedNormalizer {
  readonly id: string;
  readonly folder: string;
  readonly results: readonly TestResult[];
}

/** The results as JUnit writes them, which CI systems read: a suite for each normalizer. */
export function junit(normalizers: readonly TestedNormalizer[]): string {
  const suites = normalizers.map(({ id, results }) =>
    [
      `  <testsuite name="${escape(id)}" ${countsOf(results)}>`,
      ...results.map((result) => testCase(id, result)),
      "  </testsuite>",
    ].join("\n"),
  );
  const all = normalizers.flatMap(({ results }) => results);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${countsOf(all)}>`,
    ...suites,
    "</testsuites>",
    "",
  ].join("\n");
}

function countsOf(results: readonly TestResult[]): string {
  const failures = results.filter(({ failure }) => failure !== null).length;
  return `tests="${results.length}" failures="${failures}" errors="0" time="${seconds(results.reduce((sum, { ms }) => sum + ms, 0))}"`;
}

function testCase(id: string, result: TestResult): string {
  const { name, kind, failure, ms } = result;
  const head = `    <testcase classname="${escape(id)}.${kind}" name="${escape(name)}" time="${seconds(ms)}"`;
  if (failure === null) return `${head}/>`;
  const text = showDifferences(result.differences, Number.POSITIVE_INFINITY).join("\n");
  return `${head}>\n      <failure message="${escape(failure)}">${escape(text)}</failure>\n    </testcase>`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

/** What XML 1.0 has no form for is replaced. */
function escape(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
