import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { USUAL_PATH } from "../domain/usual-path.ts";
import type { Capabilities, Probe } from "../sandbox/driver.ts";
import { flag } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { openStages } from "./open-stages.ts";
import { printable } from "./terminal/printable.ts";
import { wrap } from "./terminal/wrap.ts";

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

type Examined = Probe & {
  readonly name: string;
  readonly isolates: boolean;
  readonly capabilities: Capabilities;
};

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
  const width = Math.max(0, ...found.map(({ program }) => program.length));
  lines.push(
    ...found.map(({ program, version }) => `  ${program.padEnd(width)}  ${printable(version ?? "")}`),
  );
  if (missing.length > 0) {
    lines.push(`  ${paint("dim", `not found: ${missing.map(({ program }) => program).join(", ")}`)}`);
  }
  if (!runtimes.some(({ isolates, available }) => isolates && available)) {
    lines.push("", paint("red", "No runtime that isolates works here."));
  }
  await context.out(`${lines.join("\n")}\n`);
}

function describeRuntime(runtime: Examined, { outTerminal: { columns, paint } }: Context): readonly string[] {
  const title = paint("bold", runtime.name);
  if (!runtime.available) {
    return [
      `${title}  ${paint("red", "not available")}`,
      ...wrap("  why      ", printable(runtime.reason), columns),
      ...wrap("  remedy   ", printable(runtime.remedy), columns),
    ];
  }
  const inForce = runtime.protections.filter(({ by }) => by !== null);
  const missing = runtime.protections.filter(({ by }) => by === null);
  const status = runtime.isolates
    ? paint(
        "green",
        runtime.capabilities.ownKernel === true ? "available, with a kernel of its own" : "available",
      )
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
    ...runtime.advice.flatMap((advice) => wrap("  advice   ", printable(advice), columns)),
  ];
}

const PYTHONS = ["3", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"].map((each) => `python${each}`);
const PROGRAMS = ["php", "jq"];

/** What guests can be run with, and which version each says it has. Node.js is the one that runs this. */
async function findInterpreters(): Promise<readonly Interpreter[]> {
  const pythonPath = `${process.env["PATH"] ?? ""}:${USUAL_PATH}`;
  return Promise.all([
    ...PYTHONS.map((program) => askVersion(program, pythonPath)),
    Promise.resolve({ program: "node", version: process.version }),
    // A program that is only elsewhere is of no use to guests.
    ...PROGRAMS.map((program) => askVersion(program, USUAL_PATH)),
  ]);
}

async function askVersion(program: string, searchPath: string): Promise<Interpreter> {
  const options = { timeout: 5000, env: { ...process.env, PATH: searchPath } };
  const answer = await promisify(execFile)(program, ["--version"], options).catch(() => null);
  const first = (answer?.stdout.trim() || answer?.stderr.trim())?.split("\n", 1)[0];
  return { program, version: first ?? null };
}
