/**
 * A normalizer, unchanged, gives the same output byte for byte in every runtime that works here. One example of each kind of
 * guest in every test run; with WHISKERS_TEST_EXAMPLES=all all of them, in emulated machines too, which takes ten minutes.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, it } from "node:test";

import { shareRoot } from "../fixtures/base-root.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import { EXAMPLES } from "../fixtures/examples.ts";
import type { Example } from "../fixtures/examples.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const ALL = process.env["WHISKERS_TEST_EXAMPLES"] === "all";
/** One example of each kind of guest. */
const USUAL = ["nmap-python", "dig-typescript", "curl-shell"];

const engine = whyNoDockerEngine() === undefined ? await startDockerEngine() : null;
const kernel = ALL && whyNoMachine() === null ? await debianKernel() : null;
after(() => engine?.close());

type Settings = Readonly<Record<string, string>>;

/** What every runtime is compared with; `inline` isolates nothing and is only a name here. */
const RUNTIMES: readonly Settings[] = [
  { WHISKERS_RUNTIME: "inline" },
  { WHISKERS_RUNTIME: "subprocess", WHISKERS_SUBPROCESS: "bubblewrap" },
  { WHISKERS_RUNTIME: "subprocess", WHISKERS_SUBPROCESS: "util-linux" },
  { WHISKERS_RUNTIME: "oci", WHISKERS_OCI_RUNTIME: "runc" },
  { WHISKERS_RUNTIME: "oci", WHISKERS_OCI_RUNTIME: "runsc" },
  ...(engine === null ? [] : ["runc", ...(ALL ? ["runsc"] : [])]).map((runtime) => ({
    WHISKERS_RUNTIME: "docker",
    WHISKERS_DOCKER_RUNTIME: runtime,
    WHISKERS_DOCKER_HOST: `unix://${engine?.socket}`,
  })),
  ...(kernel === null ? [] : [{ WHISKERS_RUNTIME: "microvm", WHISKERS_MICROVM_KERNEL: kernel }]),
];
/** Emulated machines start slowly, and run fifteen times as slowly as this one. */
const LIMITS = ["--timeout", "120"];
/** Base roots, for what shows guests nothing of this machine, and as what `environment` names them. */
const ROOTS = { python: "python:3.11", typescript: "node", php: "php", shell: "plain" } as const;

for (const example of EXAMPLES.filter(({ name }) => ALL || USUAL.includes(name))) {
  it(`${example.name} gives the same bytes in every runtime`, { timeout: 600_000 }, async (t) => {
    const home = mkdtempSync(path.join(tmpdir(), "whiskers-same-"));
    t.after(() => {
      rmSync(home, { recursive: true, force: true });
    });
    const digests: Record<string, string> = {};
    for (const settings of RUNTIMES) {
      const name = Object.values(settings).slice(0, 2).join(", ");
      const isMachine = settings["WHISKERS_RUNTIME"] === "microvm";
      const folder = isMachine ? await onRoot(example, home) : normalizerFolder(example);
      const { code, output } = await whiskers({ ...settings, WHISKERS_HOME: home }, folder, example.raws);
      if (code === "runtime-unavailable") t.diagnostic(`${name}: not available here`);
      else digests[name] = `${code ?? ""}${output}`;
    }
    t.diagnostic(`the same in ${Object.keys(digests).length} of ${RUNTIMES.length} runtimes`);
    assert.ok(Object.keys(digests).length >= 2, "there is something to compare");
    assert.equal(new Set(Object.values(digests)).size, 1, JSON.stringify(digests));
  });
}

function normalizerFolder({ name }: Example): string {
  return path.join(ROOT, "examples/normalizers", name);
}

/** The same code, with an environment that is a root. */
async function onRoot(example: Example, home: string): Promise<string> {
  const environment = ROOTS[example.guest];
  await shareRoot(home, environment);
  const folder = path.join(home, "on-a-root", example.name);
  cpSync(normalizerFolder(example), folder, { recursive: true });
  const file = path.join(folder, "normalizer.json");
  const manifest = JSON.parse(readFileSync(file, "utf8")) as object;
  writeFileSync(file, JSON.stringify({ ...manifest, environment }));
  return folder;
}

interface Document {
  readonly error?: { readonly code: string };
  readonly runs: readonly {
    readonly outcome: { readonly status: string };
    readonly run: { readonly outputSha256: string };
  }[];
}

function whiskers(
  settings: Settings,
  folder: string,
  raws: readonly string[],
): Promise<{ readonly code: string | null; readonly output: string }> {
  const files = raws.map((raw) => path.join(ROOT, "examples/raws", raw));
  const args = ["run", "--json", "--state", "fresh", ...(ALL ? LIMITS : []), folder, ...files];
  return new Promise((resolve, reject) => {
    execFile(
      path.join(ROOT, "whiskers"),
      args,
      { env: { ...process.env, ...settings }, maxBuffer: 64 * 1024 * 1024 },
      (_error, stdout) => {
        try {
          const document = JSON.parse(stdout) as Document;
          const code = document.error?.code ?? null;
          if (code !== null) {
            resolve({ code, output: "" });
            return;
          }
          assert.ok(document.runs.every(({ outcome }) => outcome.status === "succeeded"));
          assert.equal(document.runs.length, raws.length);
          resolve({ code, output: document.runs.map(({ run }) => run.outputSha256).join(" ") });
        } catch (error) {
          reject(new Error(`whiskers said ${stdout.slice(0, 500)}`, { cause: error }));
        }
      },
    );
  });
}
