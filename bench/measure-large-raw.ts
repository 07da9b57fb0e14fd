import { mkdtempSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { RunResult } from "../src/domain/outcome.ts";
import { openCatalogue } from "../src/packages/catalogue.ts";
import { hashFile } from "../src/raw/hash-file.ts";
import type { Driver } from "../src/sandbox/driver.ts";
import { openSandboxes } from "../src/sandbox/sandboxes.ts";
import { benchMeta } from "../src/bench/bench-meta.ts";
import { DiscardingSink } from "../src/bench/discarding-sink.ts";

const MEGABYTE = 1_000_000;

export interface LargeRaw {
  readonly megabytes: number;
  readonly megabytesPerSecond: number;
  /** How much more memory this process held while it ran, at most. */
  readonly hostGrowthMegabytes: number;
  /** Processor time of this process, mostly for handing it over, and of the guest, milliseconds; of the second run, in a warm sandbox. */
  readonly hostCpuMs: number;
  readonly guestCpuMs: number | null;
}

/** One large raw file through the first runtime that isolates. */
export async function measureLargeRaw(options: {
  readonly drivers: readonly Driver[];
  readonly home: string;
  readonly megabytes: number;
}): Promise<LargeRaw> {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-bench-"));
  const sandboxes = openSandboxes({ drivers: options.drivers });
  try {
    const path = join(folder, "raw");
    await writeLarge(path, options.megabytes);
    const pkg = await openCatalogue({ home: options.home }).open(
      join(import.meta.dirname, "normalizer-large"),
    );
    const meta = benchMeta();
    const raw = { id: meta.raw_data.id, path, ...(await hashFile(path)), mimeTypes: ["text/plain"] };
    const before = process.memoryUsage.rss();
    let highest = before;
    const watch = setInterval(() => {
      highest = Math.max(highest, process.memoryUsage.rss());
    }, 10);
    try {
      const limits = { memoryBytes: 2 * 1024 ** 3 };
      const request = { meta, raws: [raw] };
      const signal = new AbortController().signal;
      const run = async (): Promise<RunResult> => {
        const result = await sandboxes.run(
          pkg,
          { limits, state: "reuse" },
          request,
          new DiscardingSink(),
          signal,
        );
        if (result.outcome.status !== "succeeded") throw new Error(result.outcome.message);
        return result;
      };
      const result = await run();
      const cpuBefore = process.cpuUsage();
      const { usage } = await run();
      const { user, system } = process.cpuUsage(cpuBefore);
      return {
        megabytes: options.megabytes,
        megabytesPerSecond: options.megabytes / ((result.timingsMs.handOver + result.timingsMs.run) / 1000),
        hostGrowthMegabytes: (highest - before) / MEGABYTE,
        hostCpuMs: (user + system) / 1000,
        guestCpuMs: usage.cpuMs,
      };
    } finally {
      clearInterval(watch);
    }
  } finally {
    await sandboxes.close();
    rmSync(folder, { recursive: true });
  }
}

async function writeLarge(path: string, megabytes: number): Promise<void> {
  const piece = Buffer.alloc(MEGABYTE, "a line of a raw file that is very large\n");
  await using file = await open(path, "w");
  for (let n = 0; n < megabytes; n += 1) await file.write(piece);
}
