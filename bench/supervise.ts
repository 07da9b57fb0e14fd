/**
 * One measurement of the supervisor, for looking into it:
 * `node bench/supervise.ts [--tasks N] [--state reuse|fork] [--slots N] [--database server|embedded]
 * [--memory-every N] [--profile FOLDER]`. `./dev bench` measures what is promised.
 */
import { parseArgs } from "node:util";

import { measureSupervise } from "./measure-supervise.ts";

const { values } = parseArgs({
  options: {
    tasks: { type: "string", default: "2000" },
    state: { type: "string", default: "reuse" },
    slots: { type: "string", default: "4" },
    database: { type: "string", default: "server" },
    "memory-every": { type: "string" },
    profile: { type: "string" },
  },
});
const tasks = Number(values.tasks);
const figures = await measureSupervise({
  tasks,
  warmUp: Math.ceil(tasks / 4),
  state: values.state === "fork" ? "fork" : "reuse",
  slots: Number(values.slots),
  database: values.database === "embedded" ? "embedded" : "server",
  ...(values["memory-every"] === undefined ? {} : { memoryEvery: Number(values["memory-every"]) }),
  ...(values.profile === undefined ? {} : { profileFolder: values.profile }),
});
process.stdout.write(`${JSON.stringify(figures)}\n`);
