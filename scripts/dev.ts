/**
 * What ./dev does once Node.js is there. `test` runs its suites one after another, goes on after a
 * failure, tells once more what failed, and closes with one line: `N passed, N failed, N skipped`.
 */
import { spawn } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, resolve } from "node:path";
import { stripVTControlCharacters } from "node:util";

interface Step {
  readonly name: string;
  readonly argv: readonly string[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
  /** What the runner says of failed tests, by suite: the last thing a reader sees, since logs are read from their end. */
  failures: string[];
}

/** Test files by suite. Suites that measure time, kill things, or look at the whole machine run one file at a time. */
const SUITES: Readonly<Record<string, { readonly files: readonly string[]; readonly concurrency: number }>> =
  {
    unit: {
      files: ["src/**/*.test.ts", "sdk/**/*.test.ts", "scripts/**/*.test.ts", "bench/**/*.test.ts"],
      concurrency: availableParallelism(),
    },
    contract: { files: ["test/contract/**/*.test.ts"], concurrency: 1 },
    security: { files: ["test/security/**/*.test.ts"], concurrency: 1 },
    integration: { files: ["test/integration/**/*.test.ts"], concurrency: availableParallelism() },
    timing: { files: ["test/timing/**/*.test.ts"], concurrency: 1 },
    chaos: { files: ["test/chaos/**/*.test.ts"], concurrency: 1 },
    toolchains: { files: ["test/toolchains/**/*.test.ts"], concurrency: 1 },
    docs: { files: ["test/docs/**/*.test.ts"], concurrency: 1 },
    // Needs Go and its module proxy; says why when it does not run.
    registries: { files: ["test/registries/**/*.test.ts"], concurrency: 1 },
    // Needs PyPI, or an index in its place; says why when it does not run.
    pypi: { files: ["test/pypi/**/*.test.ts"], concurrency: 1 },
  };

/** `ℹ pass 71`, as the runner closes. */
const CLOSING_COUNT = /^ℹ (pass|fail|cancelled|skipped|todo) (\d+)$/u;

/** What the runner prints after the counts, before it tells each failure whole. */
const FAILING_TESTS = "✖ failing tests:";

const GENERATORS = ["scripts/generate-object-model.ts", "scripts/generate-vectors.ts"];

const LINT: readonly Step[] = [
  { name: "types", argv: ["tsc", "-p", "."] },
  { name: "lint", argv: ["oxlint", "--type-aware", "--deny-warnings"] },
  { name: "format", argv: ["oxfmt", "--check"] },
  { name: "dead code", argv: ["knip", "--no-progress"] },
  { name: "package", argv: ["publint", "--strict"] },
  ...GENERATORS.map((script) => ({ name: script, argv: ["node", script, "--check"] })),
];

await main(process.argv.slice(2));

async function main([command, ...args]: readonly string[]): Promise<void> {
  process.env["PATH"] = [
    resolve("node_modules/node/bin"),
    resolve("node_modules/.bin"),
    process.env["PATH"],
  ].join(delimiter);
  // As the launcher does: every test file is a process, and starts as many.
  process.env["NODE_COMPILE_CACHE"] ??= resolve("node_modules/.cache/whiskers");
  switch (command) {
    case "lint":
      process.exitCode = (await runSteps(LINT)).failed > 0 ? 1 : 0;
      return;
    case "format":
      process.exitCode = await exitCodeOf(["oxfmt", ...args]);
      return;
    case "generate":
      for (const script of GENERATORS)
        process.exitCode = (await exitCodeOf(["node", script])) || (process.exitCode ?? 0);
      return;
    case "bench":
      process.exitCode = await exitCodeOf(["node", "bench/main.ts", ...args]);
      return;
    case "test":
      process.exitCode = (await test(args)) ? 0 : 1;
      return;
    default:
      throw new Error(`dev: no command ${String(command)}`);
  }
}

async function test(wanted: readonly string[]): Promise<boolean> {
  const known = ["lint", ...Object.keys(SUITES)];
  const unknown = wanted.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`dev: no suite ${unknown.join(", ")}; there are: ${known.join(" ")}`);
  const total = noCounts();
  for (const suite of wanted.length > 0 ? wanted : known) {
    add(total, suite === "lint" ? await runSteps(LINT) : await runSuite(suite));
  }
  for (const failure of total.failures) process.stdout.write(`\n${failure}\n`);
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  return total.failed === 0 && total.passed > 0;
}

async function runSteps(steps: readonly Step[]): Promise<Counts> {
  const counts = noCounts();
  for (const step of steps) {
    const started = performance.now();
    const ok = (await exitCodeOf(step.argv)) === 0;
    counts[ok ? "passed" : "failed"] += 1;
    if (!ok) counts.failures.push(`── failed in lint: ${step.name}`);
    say(`${ok ? "ok" : "FAILED"}  ${step.name}  ${seconds(started)}`);
  }
  return counts;
}

async function runSuite(name: string): Promise<Counts> {
  const suite = SUITES[name];
  if (suite === undefined) throw new Error(`dev: no suite ${name}`);
  const files = globSync(suite.files, { exclude: (file) => file.includes("node_modules") }).toSorted();
  if (files.length === 0) throw new Error(`dev: suite ${name} has no test files`);
  say(`suite ${name}: ${files.length} files`);
  const started = performance.now();
  const reporters = ["--test-reporter=spec", "--test-reporter-destination=stdout"];
  const { exitCode, counts } = await countTests([
    "node",
    "--test",
    `--test-concurrency=${suite.concurrency}`,
    ...reporters,
    ...files,
  ]);
  if (exitCode !== 0 && counts.failed === 0) counts.failed = 1;
  if (counts.failed > 0) counts.failures.unshift(`── failed in ${name}:`);
  say(
    `suite ${name}: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped  ${seconds(started)}`,
  );
  return counts;
}

/** Passes the runner's output through and reads its closing counts. */
async function countTests(
  argv: readonly string[],
): Promise<{ readonly exitCode: number; readonly counts: Counts }> {
  const closing = new Map<string, number>();
  const failures: string[] = [];
  let rest = "";
  let inFailures = false;
  const exitCode = await exitCodeOf(argv, (text) => {
    process.stdout.write(text);
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    // The runner's own are the last of their kind: what failed is told once more after them.
    for (const line of lines) {
      const [, key, count] = CLOSING_COUNT.exec(stripVTControlCharacters(line)) ?? [];
      if (key !== undefined) closing.set(key, Number(count));
      if (inFailures) failures.push(line);
      if (stripVTControlCharacters(line) === FAILING_TESTS) inFailures = true;
    }
  });
  const read = (key: string): number => closing.get(key) ?? 0;
  return {
    exitCode,
    counts: {
      passed: read("pass"),
      failed: read("fail") + read("cancelled"),
      skipped: read("skipped") + read("todo"),
      failures: failures.length > 0 ? [failures.join("\n").trimEnd()] : [],
    },
  };
}

function exitCodeOf(argv: readonly string[], onOutput?: (text: string) => void): Promise<number> {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("dev: empty command");
  return new Promise((settle, reject) => {
    const child = spawn(program, args, {
      stdio: ["ignore", onOutput === undefined ? "inherit" : "pipe", "inherit"],
    });
    child.stdout?.setEncoding("utf8").on("data", onOutput ?? ((): void => {}));
    child.once("error", reject);
    child.once("close", (code, signal) => {
      settle(code ?? (signal === null ? 1 : 128));
    });
  });
}

function noCounts(): Counts {
  return { passed: 0, failed: 0, skipped: 0, failures: [] };
}

function add(total: Counts, more: Counts): void {
  total.passed += more.passed;
  total.failed += more.failed;
  total.skipped += more.skipped;
  total.failures.push(...more.failures);
}

function say(line: string): void {
  process.stdout.write(`── ${line}\n`);
}

function seconds(started: number): string {
  return `${((performance.now() - started) / 1000).toFixed(1)} s`;
}

if (!existsSync("package.json")) throw new Error("dev: run it through ./dev");
