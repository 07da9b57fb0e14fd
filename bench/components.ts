/**
 * Fresh runs of packages that are built already, in rounds, one package after another:
 * `node bench/components.ts --raw FILE [--rounds N] [--runs N] [--save NAME] NAME=FOLDER...`
 * WebAssembly runs in `wasm`, all else in `subprocess`. `--save` keeps it in bench/results, for documents to quote.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import type { Raw } from "../src/domain/raw.ts";
import { openCatalogue } from "../src/packages/catalogue.ts";
import { hashFile } from "../src/raw/hash-file.ts";
import { createSubprocessDriver } from "../src/sandbox/drivers/subprocess/create-subprocess-driver.ts";
import { createWasmDriver } from "../src/sandbox/drivers/wasm/create-wasm-driver.ts";
import { openSandboxes } from "../src/sandbox/sandboxes.ts";
import { benchMeta } from "../src/bench/bench-meta.ts";
import { DiscardingSink } from "../src/bench/discarding-sink.ts";
import { distributionOf } from "../src/bench/distribution.ts";
import { saveResult } from "./save-result.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    raw: { type: "string" },
    rounds: { type: "string", default: "3" },
    runs: { type: "string", default: "50" },
    save: { type: "string" },
  },
});
if (values.raw === undefined) throw new Error("components: --raw FILE is missing");
const home = mkdtempSync(path.join(tmpdir(), "whiskers-bench-home-"));
const options = {
  stateDirectory: path.join(home, "state"),
  sdkFolder: path.resolve(import.meta.dirname, "../sdk"),
};
const sandboxes = openSandboxes({ drivers: [createWasmDriver(options), createSubprocessDriver(options)] });
try {
  const catalogue = openCatalogue({ home });
  const meta = benchMeta();
  const { sizeBytes, sha256 } = await hashFile(values.raw);
  const raw: Raw = { id: meta.raw_data.id, path: values.raw, sizeBytes, sha256, mimeTypes: ["text/plain"] };
  const subjects = await Promise.all(
    positionals.map(async (one) => {
      const [name = "", folder = ""] = one.split("=");
      const pkg = await catalogue.open(folder);
      return {
        name,
        pkg,
        runtime: pkg.manifest.guest.kind === "wasm" ? "wasm" : "subprocess",
        ms: [] as number[][],
        cpuMs: [] as number[][],
      };
    }),
  );
  for (let round = 0; round < Number(values.rounds); round += 1) {
    for (const { pkg, runtime, ms, cpuMs } of subjects) {
      const [times, costs]: [number[], number[]] = [[], []];
      ms.push(times);
      cpuMs.push(costs);
      // The first of a round starts what others use again.
      for (let run = -3; run < Number(values.runs); run += 1) {
        const started = performance.now();
        const { outcome, usage } = await sandboxes.run(
          pkg,
          { runtime, state: "fresh" },
          { meta, raws: [raw] },
          new DiscardingSink(),
          new AbortController().signal,
        );
        if (outcome.status !== "succeeded") throw new Error(outcome.message);
        if (run < 0) continue;
        times.push(performance.now() - started);
        costs.push(usage.cpuMs ?? 0);
      }
    }
  }
  const figures = Object.fromEntries(
    subjects.map(({ name, ms, cpuMs }) => [name, { ms: distributionOf(ms), cpuMs: distributionOf(cpuMs) }]),
  );
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  if (values.save !== undefined) saveResult("components", values.save, figures);
} finally {
  await sandboxes.close();
  rmSync(home, { recursive: true, force: true });
}
