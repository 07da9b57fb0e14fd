/**
 * Every example through the whole of Whiskers, by its command line: each normalizer on each of its raw
 * files, in every state policy that its guest offers, against its golden output, which a Python normalizer
 * and its twin in TypeScript share.
 *
 *     node test/integration/examples.test.ts --update     writes the golden output anew
 */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "node:test";

import { EXAMPLES } from "../fixtures/examples.ts";
import type { ExampleGuest } from "../fixtures/examples.ts";

interface Entry {
  readonly object_type: string;
}

interface RunDocument {
  readonly outcome: { readonly status: string; readonly code?: string; readonly message?: string };
  readonly input: string;
  readonly objects: readonly Entry[];
  readonly declarations: readonly unknown[];
  readonly affirmations: readonly unknown[];
  readonly scanProfiles: readonly unknown[];
  readonly rejections: readonly { readonly record: number }[];
  readonly logs: readonly { readonly level: string; readonly message: string }[];
  readonly run: { readonly state: string; readonly runtime: { readonly driver: string } };
}

const ROOT = path.join(import.meta.dirname, "../..");
const RAWS = path.join(ROOT, "examples/raws");
const NORMALIZERS = path.join(ROOT, "examples/normalizers");
const GOLDEN = path.join(ROOT, "examples/golden");
const MISBEHAVING = path.join(ROOT, "examples/misbehaving");
const UPDATE = process.argv.includes("--update");

const written = new Set<string>();

/** Longer outputs are kept as counts and a digest. */
const MOST_GOLDEN_OBJECTS = 1000;

const STATES: Readonly<Record<ExampleGuest, readonly string[]>> = {
  python: ["fresh", "fork", "reuse"],
  typescript: ["fresh", "reuse"],
  php: ["fresh", "reuse"],
  shell: ["fresh"],
};

const noJq = spawnSync("jq", ["--version"]).error === undefined ? false : "there is no jq on this machine";

describe("examples", () => {
  for (const { name, golden, guest, raws } of EXAMPLES) {
    for (const state of UPDATE ? ["fresh"] : STATES[guest]) {
      test(`${name}, ${state}`, { skip: guest === "shell" && noJq }, async () => {
        const { exitCode, runs } = await whiskers(
          path.join(NORMALIZERS, name),
          raws.map((raw) => path.join(RAWS, raw)),
          "--state",
          state,
        );
        assert.equal(runs.length, raws.length);
        for (const run of runs) {
          assertSucceeded(run);
          assert.equal(run.run.state, state);
          await compare(golden, path.basename(path.dirname(run.input)), run);
        }
        assert.equal(exitCode, 0);
      });
    }
  }

  test("every example is tested", () => {
    assert.deepEqual(readdirSync(NORMALIZERS).toSorted(), EXAMPLES.map(({ name }) => name).toSorted());
  });
});

describe("raw files", () => {
  test("are what their meta says", () => {
    for (const folder of folders(RAWS)) {
      const [raw = "", metaFile = ""] = readdirSync(path.join(RAWS, folder)).toSorted();
      const meta = JSON.parse(readFileSync(path.join(RAWS, folder, metaFile), "utf8"));
      assert.equal(metaFile, `raw_meta_${raw}.json`);
      assert.equal(meta.id, raw);
      // As Bytes computes it: over the content and the time that the scan ended, as Python writes that number.
      const endedAt = `${Date.parse(meta.boefje_meta.ended_at) / 1000}.0`;
      const content = readFileSync(path.join(RAWS, folder, raw));
      const digest = createHash("sha512").update(content).update(endedAt).digest("hex");
      assert.equal(meta.secure_hash, `sha512:${digest}`, folder);
    }
  });

  test("from a download are chosen by what the normalizer consumes", { skip: UPDATE }, async () => {
    const { runs } = await whiskers(path.join(NORMALIZERS, "http-headers-python"), [
      path.join(RAWS, "curl.zip"),
    ]);
    assert.equal(runs.length, 1);
    for (const run of runs) {
      assertSucceeded(run);
      await compare("http-headers", "curl-headers", run);
    }
  });

  for (const language of ["python", "typescript"]) {
    test(`that are cut off give what is left, and say so (${language})`, { skip: UPDATE }, async (t) => {
      const folder = cutCopy("nmap-tcp", 3000);
      t.after(() => rmSync(folder, { recursive: true }));
      const { runs } = await whiskers(path.join(NORMALIZERS, `nmap-${language}`), [folder]);
      for (const run of runs) {
        assertSucceeded(run);
        assert.equal(run.objects.filter((each) => each.object_type === "IPPort").length, 5);
        assert.match(
          run.logs.map(({ message }) => message).join("\n"),
          /kept the 5 ports before the damage/u,
        );
      }
      assert.equal(runs.length, 1);
    });

    test(`that are empty are refused in words (${language})`, { skip: UPDATE }, async (t) => {
      const folder = cutCopy("nmap-tcp", 0);
      t.after(() => rmSync(folder, { recursive: true }));
      const { exitCode, runs } = await whiskers(path.join(NORMALIZERS, `nmap-${language}`), [folder]);
      assert.deepEqual(
        runs.map(({ outcome }) => outcome.code),
        ["normalizer-raised"],
      );
      assert.match(runs[0]?.outcome.message ?? "", /not whole XML/u);
      assert.equal(exitCode, 1);
    });
  }
});

describe("misbehaving normalizers", { skip: UPDATE }, () => {
  const OUTCOMES: Readonly<Record<string, string>> = {
    crashes: "normalizer-crashed",
    hoards: "memory-limit",
    invalid: "invalid-output",
    loops: "time-limit",
    raises: "normalizer-raised",
  };

  test("are all tested", () => {
    assert.deepEqual(folders(MISBEHAVING), Object.keys(OUTCOMES));
  });

  for (const [name, code] of Object.entries(OUTCOMES)) {
    test(`${name}: ${code}`, async () => {
      const { exitCode, runs } = await whiskers(path.join(MISBEHAVING, name), [path.join(RAWS, "dig")]);
      assert.deepEqual(
        runs.map(({ outcome }) => outcome.code),
        [code],
        JSON.stringify(runs[0]?.outcome),
      );
      assert.equal(exitCode, 1);
      if (name === "invalid")
        assert.deepEqual(new Set(runs[0]?.rejections.map(({ record }) => record)), new Set([1, 2, 3]));
    });
  }
});

async function whiskers(
  folder: string,
  inputs: readonly string[],
  ...options: readonly string[]
): Promise<{ exitCode: number; runs: readonly RunDocument[] }> {
  const args = ["src/cli/main.ts", "run", folder, ...inputs, "--json", ...options];
  const { promise, resolve, reject } = Promise.withResolvers<{
    exitCode: number;
    runs: readonly RunDocument[];
  }>();
  execFile(
    process.execPath,
    args,
    { cwd: ROOT, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
    (error, stdout, stderr) => {
      try {
        const document: { runs?: readonly RunDocument[]; error?: object } = JSON.parse(stdout);
        assert.equal(document.error, undefined);
        resolve({ exitCode: Number(error?.code ?? 0), runs: document.runs ?? [] });
      } catch (cause) {
        reject(new Error(`${args.join(" ")}\n${stdout.slice(0, 2000)}\n${stderr}`, { cause }));
      }
    },
  );
  return promise;
}

function assertSucceeded({ outcome, rejections, logs }: RunDocument): void {
  const all = () =>
    JSON.stringify({ outcome, rejections: rejections.slice(0, 5), logs: logs.slice(-5) }, null, 1);
  assert.equal(outcome.status, "succeeded", all());
  assert.deepEqual(rejections, [], all());
}

async function compare(golden: string, raw: string, run: RunDocument): Promise<void> {
  const file = path.join(GOLDEN, golden, `${raw}.json`);
  const text = goldenText(run);
  // The Python one comes first: what differs in TypeScript is an error also then.
  if (UPDATE && !written.has(file)) {
    written.add(file);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  assert.equal(text, await readFile(file, "utf8"));
}

/** One record a line, so that a difference shows which. */
function goldenText(run: RunDocument): string {
  const { objects, declarations, affirmations, scanProfiles } = run;
  if (objects.length > MOST_GOLDEN_OBJECTS) {
    const counts = Object.groupBy(objects, (each) => each.object_type);
    const lines = objects.map((each) => JSON.stringify(each)).join("\n");
    const digest = createHash("sha256").update(lines).digest("hex");
    const objectsByType = Object.fromEntries(
      Object.entries(counts).map(([type, each]) => [type, each?.length]),
    );
    return `${JSON.stringify({ objectsByType, sha256: digest }, null, 2)}\n`;
  }
  const lists = Object.entries({ objects, declarations, affirmations, scanProfiles }).map(
    ([key, list]) => `"${key}":[${list.map((each) => `\n${JSON.stringify(each)}`).join(",")}]`,
  );
  return `{${lists.join(",\n")}}\n`;
}

/** A raw with its meta in a folder of its own, only its first bytes left. */
function cutCopy(raw: string, bytes: number): string {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-examples-"));
  cpSync(path.join(RAWS, raw), folder, { recursive: true });
  const [file = ""] = readdirSync(folder).toSorted();
  truncateSync(path.join(folder, file), bytes);
  return folder;
}

function folders(parent: string): string[] {
  return readdirSync(parent, { withFileTypes: true })
    .filter((each) => each.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}
