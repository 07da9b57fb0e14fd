import { IMAGE_SETTINGS, readImageSettings } from "../config/image-settings.ts";
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
    const values: object = { ...settings(), ...readImageSettings(env), ...readSupervisorSettings(env) };
    const table: object = { ...SETTINGS, ...IMAGE_SETTINGS, ...SUPERVISOR_SETTINGS };
    const rows = (Object.entries(table) as [string, Setting<unknown>][]).map(([key, setting]) => ({
      name: setting.name,
      value: shown(asGiven(key, (values as Readonly<Record<string, unknown>>)[key]), setting.secret === true),
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

const DURATIONS = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };
const SIZES = { G: 2 ** 30, M: 2 ** 20, K: 2 ** 10, "": 1 };

/** Times and sizes as their variables take them. The keys of settings say their units. */
function asGiven(key: string, value: unknown): unknown {
  if (typeof value !== "number") return value;
  if (key.endsWith("Ms")) return inLargestUnit(value, DURATIONS);
  return key.endsWith("Bytes") ? inLargestUnit(value, SIZES) : value;
}

function inLargestUnit(value: number, units: Readonly<Record<string, number>>): string {
  const [unit = "", size = 1] = Object.entries(units).find(([, each]) => value % each === 0) ?? [];
  return value === 0 ? "0" : `${value / size}${unit}`;
}

/** A secret is not shown, only that it is there. */
function shown(value: unknown, secret: boolean): unknown {
  return secret && value !== null ? "********" : value;
}

function asText(value: unknown): string {
  if (value === null) return "not set";
  return typeof value === "string" ? value : JSON.stringify(value);
}
