import { open, writeFile } from "node:fs/promises";

import { benchChart } from "../bench/bench-chart.ts";
import { benchText } from "../bench/bench-text.ts";
import { BENCH_RUNTIMES, chooseDrivers, QUICK_RUNTIMES } from "../bench/choose-drivers.ts";
import { measureBench, QUICK, WHOLE } from "../bench/measure-bench.ts";
import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { findPython } from "../sandbox/interpreters.ts";
import { flag, textOption, textsOption } from "./arguments.ts";
import type { Command } from "./command.ts";
import { openStages } from "./open-stages.ts";
import { progressBar } from "./progress-bar.ts";
import { warn } from "./warn.ts";

export const command: Command = {
  help: `whiskers bench [--runtime NAME]... [--quick] [--json] [--svg FILE]

Measures one small normalizer in every runtime that works here, under every state policy, beside what people
use today: the function called in one process, \`python3 -c\` for each run, \`docker run\` for each run. All of it
in one go, in interleaved rounds, so that figures of one table can be compared. Takes several minutes; nothing
else should run meanwhile.

  --runtime NAME   only this one, as often as wanted: oci for all of that driver, or oci:runsc. Else
                   ${BENCH_RUNTIMES.slice(0, 5).join(", ")},
                   ${BENCH_RUNTIMES.slice(5).join(", ")}
  --quick          fewer repetitions, and without containers and machines unless they are named
  --json           one JSON document, with the interval in which each median lies
  --svg FILE       write a chart, too

Exit code 0 when it was measured, also when a runtime is not here; 2 for a runtime that there is not; 3 when a
runtime failed while it was measured, which is named below the others.
`,
  options: {
    runtime: { type: "string", multiple: true },
    quick: { type: "boolean" },
    json: { type: "boolean" },
    svg: { type: "string" },
  },
  positionals: [0, 0],
  async run(args, context) {
    const settings = context.settings();
    const quick = flag(args, "quick");
    const fetchesNothing = (): Promise<never> => Promise.reject(new Error("bench fetches nothing"));
    await using stages = openStages(settings, fetchesNothing, {}, { warn: warn(context) });
    const named = textsOption(args, "runtime") ?? (quick ? QUICK_RUNTIMES : BENCH_RUNTIMES);
    const svg = textOption(args, "svg");
    // Rather now than after minutes of measuring.
    if (svg !== undefined) await atFile(svg, async () => (await open(svg, "a")).close());
    // As guests have it: the interpreter is the same inside and outside.
    const searchPath = `${context.env["PATH"] ?? ""}:/usr/local/bin:/usr/bin:/bin`;
    const python = await findPython(null, { python: settings.python ?? undefined, searchPath });
    const bar = progressBar(1000, context.errTerminal, context.err, (parts) => `${parts / 10} %`);
    try {
      const table = await measureBench({
        ...(quick ? QUICK : WHOLE),
        catalogue: stages.catalogue,
        drivers: chooseDrivers(named, stages.runtimes),
        python: python.executable,
        dockerHost: settings.dockerHost,
        signal: context.signal,
        onProgress: (done, total, row) => {
          bar.advance(Math.round((done / total) * 1000), row);
        },
      });
      bar.end();
      if (svg !== undefined) await atFile(svg, () => writeFile(svg, benchChart(table)));
      await context.out(flag(args, "json") ? `${JSON.stringify(table, null, 2)}\n` : benchText(table));
      return table.failed.length === 0 ? 0 : 3;
    } finally {
      bar.end();
    }
  },
};

/** @throws WhiskersError `usage` */
async function atFile(file: string, use: () => Promise<void>): Promise<void> {
  try {
    await use();
  } catch (cause) {
    throw new WhiskersError("usage", `--svg ${file}: ${fileTroubleOf(cause)}`, { cause });
  }
}
