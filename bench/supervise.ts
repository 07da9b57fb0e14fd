/**
 * One measurement of the supervisor: `node bench/supervise.ts [--tasks N] [--state reuse|fork] [--slots N]
 * [--database server|embedded] [--behind N] [--memory-every N] [--heap] [--profile FOLDER] [--rounds N]
 * [--save NAME]`. Of several rounds the fastest counts: what else the machine does only slows them.
 * `--save` keeps it in bench/results, for documents to quote. `./dev bench` measures what is promised.
 */
import { parseArgs } from "node:util";

import { measureSupervise, type SuperviseBench } from "./measure-supervise.ts";
import { saveResult } from "./save-result.ts";

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "2000" },
    state: { type: "string", default: "reuse" },
    slots: { type: "string", default: "4" },
    database: { type: "string", default: "server" },
    behind: { type: "string", default: "0" },
    "memory-every": { type: "string" },
    heap: { type: "boolean", default: false },
    profile: { type: "string" },
    rounds: { type: "string", default: "1" },
    save: { type: "string" },
  },
});
const tasks = Number(values.tasks);
const bench: SuperviseBench = {
  tasks,
  warmUp: Math.min(500, Math.ceil(tasks / 4)),
  state: values.state === "fork" ? "fork" : "reuse",
  slots: Number(values.slots),
  database: values.database === "embedded" ? "embedded" : "server",
  behind: Number(values.behind),
  heap: values.heap,
  ...(values["memory-every"] === undefined ? {} : { memoryEvery: Number(values["memory-every"]) }),
  ...(values.profile === undefined ? {} : { profileFolder: values.profile }),
};
let best = await measureSupervise(bench);
const rates = [best.tasksPerSecond];
for (let round = 1; round < Number(values.rounds); round += 1) {
  const next = await measureSupervise(bench);
  rates.push(next.tasksPerSecond);
  if (next.tasksPerSecond > best.tasksPerSecond) best = next;
}
const figures = { ...best, rates };
process.stdout.write(`${JSON.stringify(figures)}\n`);
if (values.save !== undefined) saveResult("supervise", values.save, figures);
