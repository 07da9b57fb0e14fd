/**
 * Fresh instances of WebAssembly beside fresh processes: `node bench/wasm.ts [--rounds N] [--runs N] [--save NAME]`.
 * `--save` keeps it in bench/results, for documents to quote. Languages whose toolchain is not here are named.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

import { measureWasm } from "./measure-wasm.ts";
import { saveResult } from "./save-result.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3" },
    runs: { type: "string", default: "100" },
    save: { type: "string" },
  },
});
const home = mkdtempSync(path.join(tmpdir(), "whiskers-bench-home-"));
try {
  const figures = await measureWasm({
    home,
    python: "/usr/bin/python3",
    rounds: Number(values.rounds),
    runs: Number(values.runs),
  });
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
  if (values.save !== undefined) saveResult("wasm", values.save, figures);
} finally {
  rmSync(home, { recursive: true, force: true });
}
