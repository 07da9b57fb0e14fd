import type { Setting } from "../config/setting.ts";
import { SETTINGS } from "../config/settings.ts";
import { readSupervisorSettings, SUPERVISOR_SETTINGS } from "../config/supervisor-settings.ts";
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
    const values: object = { ...settings(), ...readSupervisorSettings(env) };
    const table: object = { ...SETTINGS, ...SUPERVISOR_SETTINGS };
    const rows = (Object.entries(table) as [string, Setting<unknown>][]).map(([key, setting]) => ({
      name: setting.name,
      value: shown((values as Readonly<Record<string, unknown>>)[key], setting.secret === true),
      source: (env[setting.name] ?? "") === "" ? "default" : "environment",
      description: setting.description,
      expects: setting.expects,
    }));
    if (flag(args, "json")) {
      await out(`${JSON.stringify({ settings: rows }, null, 2)}\n`);
      return 0;
    }
    for (const { name, value, source, description, expects } of rows) {
      await out(
        `${paint("bold", name)}  ${printable(asText(value))}  ${paint("dim", `(${source})`)}\n` +
          `  ${description}\n  ${paint("dim", `It takes ${expects}.`)}\n`,
      );
    }
    return 0;
  },
};

/** A secret is not shown, only that it is there. */
function shown(value: unknown, secret: boolean): unknown {
  return secret && value !== null ? "********" : value;
}

function asText(value: unknown): string {
  if (value === null) return "not set";
  return typeof value === "string" ? value : JSON.stringify(value);
}
