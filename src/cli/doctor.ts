import { execFile } from "node:child_process";
import { promisify } from "node:util";

import type { Probe } from "../sandbox/driver.ts";
import { flag } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { openStages } from "./open-stages.ts";
import { printable } from "./terminal/printable.ts";

export const command: Command = {
  help: `whiskers doctor [--json]

Tries every runtime, for real: does it work here, if not why not and what to do, which protections are in
force and what puts them there, and what would make it better. Lists the interpreters that it finds.

  --json   one JSON document

Exit code 3 when no runtime that isolates works here, else 0.
`,
  options: { json: { type: "boolean" } },
  positionals: [0, 0],
  async run(args, context) {
    await using stages = openStages(context.settings(), () =>
      Promise.reject(new Error("doctor runs nothing")),
    );
    const [runtimes, interpreters] = await Promise.all([stages.sandboxes.probe(), findInterpreters()]);
    const examined = runtimes.map(({ driver, probe }) => ({
      name: driver.name,
      isolates: driver.capabilities.isolates,
      capabilities: driver.capabilities,
      ...probe,
    }));
    await (flag(args, "json")
      ? context.out(`${JSON.stringify({ runtimes: examined, interpreters }, null, 2)}\n`)
      : show(examined, interpreters, context));
    return examined.some(({ isolates, available }) => isolates && available) ? 0 : 3;
  },
};

type Examined = Probe & { readonly name: string; readonly isolates: boolean };

interface Interpreter {
  readonly program: string;
  /** What it says of itself, or null when it is not there. */
  readonly version: string | null;
}

async function show(
  runtimes: readonly Examined[],
  interpreters: readonly Interpreter[],
  context: Context,
): Promise<void> {
  const { paint } = context.outTerminal;
  const lines = runtimes.flatMap((runtime) => [...describeRuntime(runtime, context), ""]);
  const found = interpreters.filter(({ version }) => version !== null);
  const missing = interpreters.filter(({ version }) => version === null);
  lines.push(paint("bold", "Interpreters and programs"));
  lines.push(...found.map(({ program, version }) => `  ${program}  ${printable(version ?? "")}`));
  if (missing.length > 0) {
    lines.push(`  ${paint("dim", `not found: ${missing.map(({ program }) => program).join(", ")}`)}`);
  }
  if (!runtimes.some(({ isolates, available }) => isolates && available)) {
    lines.push("", paint("red", "No runtime that isolates works here."));
  }
  await context.out(`${lines.join("\n")}\n`);
}

function describeRuntime(runtime: Examined, { outTerminal: { paint } }: Context): readonly string[] {
  const title = paint("bold", runtime.name);
  if (!runtime.available) {
    return [
      `${title}  ${paint("red", "not available")}`,
      `  why      ${printable(runtime.reason)}`,
      `  remedy   ${printable(runtime.remedy)}`,
    ];
  }
  const inForce = runtime.protections.filter(({ by }) => by !== null);
  const missing = runtime.protections.filter(({ by }) => by === null);
  const status = runtime.isolates
    ? paint("green", "available")
    : paint(
        "yellow",
        "available, isolates nothing: only for code that you trust, and only when asked for by name",
      );
  const width = Math.max(0, ...inForce.map(({ name }) => name.length));
  return [
    `${title}  ${status}  ${paint("dim", printable(runtime.version))}`,
    ...inForce.map(
      ({ name, by }) =>
        `  ${paint("green", "yes")}  ${name.padEnd(width)}  ${paint("dim", printable(by ?? ""))}`,
    ),
    ...(runtime.isolates ? missing.map(({ name }) => `  ${paint("yellow", "no")}   ${name}`) : []),
    ...runtime.advice.map((advice) => `  advice   ${printable(advice)}`),
  ];
}

const PROGRAMS: readonly (readonly [string, ...(readonly string[])])[] = [
  ["python3", "--version"],
  ...["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"].map(
    (version) => [`python${version}`, "--version"] as const,
  ),
  ["node", "--version"],
  ["php", "--version"],
  ["jq", "--version"],
];

/** The version that each of the programs on the PATH says it has. */
async function findInterpreters(): Promise<readonly Interpreter[]> {
  return Promise.all(
    PROGRAMS.map(async ([program, ...args]) => {
      const answer = await promisify(execFile)(program, args, { timeout: 5000 }).catch(() => null);
      const first = (answer?.stdout.trim() || answer?.stderr.trim())?.split("\n", 1)[0];
      return { program, version: first ?? null };
    }),
  );
}
