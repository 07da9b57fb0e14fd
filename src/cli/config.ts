import { SETTINGS } from "../config/settings.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";
import { printable } from "./terminal/printable.ts";

export const command: Command = {
  help: `whiskers config [--json]

Every setting: the environment variable that sets it, its value now, and what it may be.

  --json   one JSON document
`,
  options: { json: { type: "boolean" } },
  positionals: [0, 0],
  async run(args, { env, settings, out, outTerminal: { paint } }) {
    const values = settings();
    const rows = (["home", "runtime", "state"] as const).map((key) => ({
      name: SETTINGS[key].name,
      value: values[key],
      source: (env[SETTINGS[key].name] ?? "") === "" ? "default" : "environment",
      description: SETTINGS[key].description,
      expects: SETTINGS[key].expects,
    }));
    if (flag(args, "json")) {
      await out(`${JSON.stringify({ settings: rows }, null, 2)}\n`);
      return 0;
    }
    for (const { name, value, source, description, expects } of rows) {
      await out(
        `${paint("bold", name)}  ${printable(value)}  ${paint("dim", `(${source})`)}\n` +
          `  ${description}\n  ${paint("dim", `It takes ${expects}.`)}\n`,
      );
    }
    return 0;
  },
};
