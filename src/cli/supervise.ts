import { setTimeout as sleep } from "node:timers/promises";

import { readSupervisorSettings } from "../config/supervisor-settings.ts";
import { formatMs } from "../domain/quantity.ts";
import { runSupervisor } from "../supervisor/run-supervisor.ts";
import { openJsonLog } from "../telemetry/log.ts";
import type { Command } from "./command.ts";
import { openStages } from "./open-stages.ts";
import { readableLog } from "./readable-log.ts";
import { readRunOptions, RUN_OPTIONS, RUN_OPTIONS_HELP } from "./run-options.ts";
import { version } from "./version.ts";

export const command: Command = {
  help: `whiskers supervise [OPTIONS]

Takes the place of OpenKAT's normalizer worker: takes tasks from the scheduler, runs their normalizers in
sandboxes, and brings what comes out to Octopoes. Everything it needs is in settings (\`whiskers config\`):
SCHEDULER_API, BYTES_API, BYTES_USERNAME, BYTES_PASSWORD, OCTOPOES_API and WHISKERS_NORMALIZERS. Without the
first five it works the standalone queue (\`whiskers submit\`). Beside the normalizers of its settings it runs
those that are installed in its database (\`whiskers install\`), without a restart.

Any number of these may work at once, on any number of machines, with one DATABASE_URL.

SIGTERM drains: no new tasks, tasks that were not begun go back to the scheduler, runs may end within
WHISKERS_DRAIN. A second SIGTERM ends them. What is cut short goes back to the database.

Exit codes after a signal: 0 what ran has ended, and its results are delivered or in the database; 143
(SIGTERM) or 130 (SIGINT) something was cut short, by a second signal or because WHISKERS_DRAIN was over.

  --json-log           one JSON object a line on standard error, also on a terminal
${RUN_OPTIONS_HELP}
`,
  options: { ...RUN_OPTIONS, "json-log": { type: "boolean" } },
  positionals: [0, 0],
  endsBySignal: true,
  async run(args, { env, settings, signal, err, errTerminal }) {
    const supervisor = readSupervisorSettings(env);
    const forPeople = errTerminal.isTty && args.values["json-log"] !== true;
    const log = forPeople ? readableLog(err, errTerminal) : openJsonLog();
    const stop = new AbortController();
    const deadline = new AbortController();
    const onSecond = (): void => {
      stop.abort();
    };
    signal.addEventListener("abort", () => {
      log.info(`draining: runs have ${formatMs(supervisor.drainMs)} to end`);
      // The first signal was the one that is being handled; program.ts lets the next one through to us.
      for (const name of ["SIGTERM", "SIGINT"] as const) process.once(name, onSecond);
      sleep(supervisor.drainMs, undefined, { signal: deadline.signal }).then(onSecond, () => {});
    });
    try {
      await runSupervisor({
        settings: settings(),
        supervisor,
        runOptions: readRunOptions(args, settings()),
        openStages: (fetch) => openStages(settings(), fetch, {}, { warn: log.warn }),
        version: await version(),
        log,
        drain: signal,
        stop: stop.signal,
        onReady: ({ operationsUrl }) => {
          const fields = operationsUrl === null ? {} : { operations: operationsUrl };
          log.info("ready", { ...fields, slots: supervisor.slots, pid: process.pid });
        },
      });
    } finally {
      deadline.abort();
      for (const name of ["SIGTERM", "SIGINT"] as const) process.removeListener(name, onSecond);
    }
    log.info(stop.signal.aborted ? "ended: what was under way went back to the database" : "ended");
    return stop.signal.aborted ? 1 : 0;
  },
};
