import { execFileSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

import { DEFAULT_LIMITS } from "../../domain/limits.ts";
import type { Limits } from "../../domain/limits.ts";
import type { NormalizerMeta } from "../../domain/meta.ts";
import type { RunResult } from "../../domain/outcome.ts";
import type { Guest, Package, StatePolicy } from "../../domain/package.ts";
import type { Raw } from "../../domain/raw.ts";
import { conduct } from "../conduct.ts";
import type { Driver } from "../driver.ts";
import { DEFAULT_POOL_OPTIONS, openPool } from "../pool.ts";
import type { Pool, PoolOptions } from "../pool.ts";
import type { RecordSink } from "../record-sink.ts";
import { barePackage } from "./bare-package.ts";
import { processDriver } from "./process-driver.ts";
import type { ProcessDriver, ProcessDriverOptions } from "./process-driver.ts";

/** Gathers everything; counts plain records by lines. */
export class CollectingSink implements RecordSink {
  readonly chunks: Buffer[] = [];
  push(lines: Buffer): void {
    this.chunks.push(lines);
  }
  pushPlain(chunk: Buffer): void {
    this.chunks.push(chunk);
  }
  endPlain(): number {
    return this.text.split("\n").filter((line) => line !== "").length;
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }
}

export interface Rig extends AsyncDisposable {
  readonly folder: string;
  readonly driver: ProcessDriver;
  readonly pool: Pool;
  raw(content: string | Buffer): Raw;
  run(pkg: Package, options?: RigRunOptions): Promise<RunResult & { readonly output: string }>;
}

export interface RigRunOptions {
  readonly driver?: Driver;
  readonly state?: StatePolicy;
  readonly limits?: Partial<Limits>;
  readonly raws?: readonly Raw[];
  readonly sink?: RecordSink;
  readonly signal?: AbortSignal;
}

/** Everything that a test of the conductor needs, and nothing left behind when it is disposed of. */
export function openRig(options: Partial<ProcessDriverOptions & PoolOptions> = {}): Rig {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-conduct-"));
  const driver = processDriver({ argv: guestArgv(), folder, ...options });
  const pool = openPool({ ...DEFAULT_POOL_OPTIONS, ...options });
  const raw = (content: string | Buffer): Raw => {
    const file = path.join(folder, randomUUID());
    writeFileSync(file, content);
    const bytes = Buffer.from(content);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return { id: randomUUID(), path: file, sizeBytes: bytes.length, sha256, mimeTypes: ["test"] };
  };
  return {
    folder,
    driver,
    pool,
    raw,
    run: async (pkg, run = {}) => {
      const sink = run.sink ?? new CollectingSink();
      const used = run.driver ?? driver;
      const result = await conduct(
        {
          pool,
          driver: used,
          prepared: await used.prepare(pkg),
          limits: { ...DEFAULT_LIMITS, ...run.limits },
          state: run.state ?? "fresh",
          meta: META,
          raws: run.raws ?? [raw("raw bytes")],
        },
        sink,
        run.signal ?? new AbortController().signal,
      );
      return { ...result, output: sink instanceof CollectingSink ? sink.text : "" };
    },
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A package whose guest is a Python program given as text, after `guest-prelude.py`. */
export function pythonGuest(code: string): Package {
  return packageOf({ kind: "python", version: null, module: code, callable: "run" });
}

export function plainGuest(...argv: readonly string[]): Package {
  return packageOf({ kind: "command", argv });
}

function packageOf(guest: Guest): Package {
  return barePackage({ name: "test", folder: "/nonexistent", guest });
}

/** Turns a package of this file into a command line. */
function guestArgv(): (pkg: Package) => readonly string[] {
  const prelude = readFileSync(new URL("guest-prelude.py", import.meta.url), "utf8");
  const interpreter = python();
  return (pkg) => {
    const { guest } = pkg.manifest;
    if (guest.kind === "command") return guest.argv;
    if (guest.kind === "python") return [interpreter, "-I", "-S", "-c", prelude + guest.module];
    throw new Error("no such guest in these tests");
  };
}

/** The interpreter itself, found once: a shim on the PATH would cost more than the whole test. */
const python = memoized(() =>
  execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim(),
);

function memoized<T>(compute: () => T): () => T {
  let value: { readonly it: T } | null = null;
  return () => (value ??= { it: compute() }).it;
}

export const META: NormalizerMeta = {
  id: "5cf5fae5-7d44-4ff0-a4a5-9d3c6ea8e1a1",
  raw_data: {
    id: "7b5a5c8c-65b4-4b9f-9a3e-1d2c3b4a5f60",
    boefje_meta: {
      id: "0d1e2f30-4a5b-4c6d-8e7f-9a0b1c2d3e4f",
      started_at: "2026-01-01T00:00:00Z",
      ended_at: "2026-01-01T00:00:01Z",
      boefje: { id: "test", version: null },
      input_ooi: "Network|internet",
      arguments: { input: { object_type: "Network", primary_key: "Network|internet", name: "internet" } },
      organization: "test",
    },
    mime_types: [{ value: "test" }],
  },
  normalizer: { id: "test", version: null },
  started_at: "2026-01-01T00:00:01Z",
  ended_at: null,
};
