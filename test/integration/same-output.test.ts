/** A normalizer, unchanged, gives the same output byte for byte in every runtime that works here. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, it } from "node:test";

import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");

const engine = whyNoDockerEngine() === undefined ? await startDockerEngine() : null;
after(() => engine?.close());

/** What every runtime is compared with; `inline` isolates nothing and is only a name here. */
const RUNTIMES: readonly Readonly<Record<string, string>>[] = [
  { WHISKERS_RUNTIME: "inline" },
  { WHISKERS_RUNTIME: "subprocess", WHISKERS_SUBPROCESS: "bubblewrap" },
  { WHISKERS_RUNTIME: "subprocess", WHISKERS_SUBPROCESS: "util-linux" },
  { WHISKERS_RUNTIME: "oci", WHISKERS_OCI_RUNTIME: "runc" },
  { WHISKERS_RUNTIME: "oci", WHISKERS_OCI_RUNTIME: "runsc" },
  ...(engine === null
    ? []
    : [{ WHISKERS_RUNTIME: "docker", WHISKERS_DOCKER_HOST: `unix://${engine.socket}` }]),
];

/** One example of each kind of guest. */
const EXAMPLES = [
  ["nmap-python", "nmap-tcp"],
  ["dig-typescript", "dig"],
  ["curl-shell", "curl-json"],
] as const;

for (const [normalizer, raw] of EXAMPLES) {
  it(`${normalizer} gives the same bytes in every runtime`, { timeout: 300_000 }, async (t) => {
    const home = mkdtempSync(path.join(tmpdir(), "whiskers-same-"));
    t.after(() => {
      rmSync(home, { recursive: true, force: true });
    });
    const digests: Record<string, string> = {};
    for (const settings of RUNTIMES) {
      const name = Object.values(settings).join(", ");
      const { code, output } = await whiskers({ ...settings, WHISKERS_HOME: home }, normalizer, raw);
      if (code === "runtime-unavailable") t.diagnostic(`${name}: not available here`);
      else digests[name] = output;
    }
    assert.ok(Object.keys(digests).length >= 2, "there is something to compare");
    assert.equal(new Set(Object.values(digests)).size, 1, JSON.stringify(digests));
  });
}

interface Document {
  readonly error?: { readonly code: string };
  readonly runs: readonly {
    readonly outcome: { readonly status: string };
    readonly run: { readonly outputSha256: string };
  }[];
}

function whiskers(
  settings: Readonly<Record<string, string>>,
  normalizer: string,
  raw: string,
): Promise<{ readonly code: string | null; readonly output: string }> {
  const args = [
    "run",
    "--json",
    "--state",
    "fresh",
    path.join(ROOT, "examples/normalizers", normalizer),
    path.join(ROOT, "examples/raws", raw),
  ];
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
          resolve({ code, output: document.runs.map(({ run }) => run.outputSha256).join(" ") });
        } catch (error) {
          reject(new Error(`whiskers said ${stdout.slice(0, 500)}`, { cause: error }));
        }
      },
    );
  });
}
