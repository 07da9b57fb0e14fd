import { type Environment, readSettings, type Settings } from "../config/settings.ts";
import { parseArguments } from "./arguments.ts";
import type { Command, Context } from "./command.ts";
import { complain } from "./complain.ts";
import { find, overview } from "./help.ts";
import { watchInterruptions } from "./interruptions.ts";
import { describeTerminal } from "./terminal/terminal.ts";

/** The command line: finds the command, gives it the world, and turns its end into an exit code. */
export async function program(argv: readonly string[], env: Environment): Promise<number> {
  const interruptions = watchInterruptions();
  const context: Context = {
    env,
    settings: memoised(() => readSettings(env)),
    signal: interruptions.signal,
    out: writeOut,
    err: (text) => void process.stderr.write(text),
    outTerminal: describeTerminal(process.stdout, env),
    errTerminal: describeTerminal(process.stderr, env),
  };
  let command: Command | null = null;
  try {
    const [first, ...rest] = argv;
    if (first === undefined) {
      context.err(overview());
      return 2;
    }
    const name = ALIASES[first] ?? first;
    ({ command } = await find(name).load());
    const exitCode = await dispatch(name, command, rest, context);
    return command.endsBySignal === true && exitCode === 0 ? 0 : (interruptions.exitCode ?? exitCode);
  } catch (error) {
    if (command?.endsBySignal !== true && interruptions.exitCode !== null) return interruptions.exitCode;
    return complain(error, jsonShape(argv), context);
  }
}

async function dispatch(
  name: string,
  command: Command,
  rest: readonly string[],
  context: Context,
): Promise<number> {
  const args = parseArguments(name, command, rest);
  if (args.values["help"] === true) {
    await context.out(command.help);
    return 0;
  }
  return command.run(args, context);
}

const ALIASES: Readonly<Record<string, string>> = {
  "--help": "help",
  "-h": "help",
  "--version": "version",
  "-V": "version",
};

/** What stands beside `error` in the document that `--json` prints; null: no document is wanted. */
function jsonShape(argv: readonly string[]): object | null {
  if (!argv.includes("--json")) return null;
  // A program that reads `runs` finds none.
  return argv[0] === "run" ? { runs: [] } : {};
}

function memoised(read: () => Settings): () => Settings {
  let value: Settings | null = null;
  return () => (value ??= read());
}

/** When nobody reads any more, the interruption is seen elsewhere, and there is nothing to wait for. */
function writeOut(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => {
      resolve();
    });
  });
}
