import type { Package } from "../../domain/package.ts";
import type { Run } from "../../domain/run.ts";
import { WhiskersError } from "../../errors.ts";
import type { Input, Inputs } from "../../raw/input.ts";
import type { RunOptions } from "../../sandbox/sandboxes.ts";
import type { Context } from "../command.ts";
import { runInput, type RunSetting } from "../run-input.ts";
import { InspectorServer } from "./inspector-server.ts";
import { PdbTerminal } from "./pdb-terminal.ts";

/** Longer than anybody debugs, and than a timer of Node.js goes: the 10 days of `--timeout`. */
const NO_TIME_LIMIT_MS = 10 * 24 * 3_600_000;

export interface DebugSetting extends RunSetting {
  /** For a debugger of JavaScript; 0: any. */
  readonly port: number;
}

/**
 * Runs a package once with a debugger attached before its code is loaded, in a sandbox that is as tight as any: the debugger's
 * words go by the guest protocol. There is no time limit.
 * @throws WhiskersError `usage` this cannot be debugged, or not so
 */
export async function debugRun({ inputs }: Inputs, setting: DebugSetting, context: Context): Promise<Run> {
  const pkg = await setting.stages.catalogue.open(setting.reference);
  checkDebuggable(pkg, inputs, setting.options);
  const [input] = inputs;
  if (input === undefined) throw new WhiskersError("usage", "--debug needs an input");
  const options: RunOptions = {
    ...setting.options,
    state: "fresh",
    limits: { ...setting.options.limits, wallMs: NO_TIME_LIMIT_MS },
  };
  const late: Package = { ...pkg, loadsLate: true };
  const catalogue = { open: () => Promise.resolve(late) };
  const debugged = { ...setting, options, stages: { ...setting.stages, catalogue } };
  const interrupted = new AbortController();
  const signal = AbortSignal.any([context.signal, interrupted.signal]);
  if (pkg.manifest.guest.kind === "python") {
    using terminal = new PdbTerminal(process.stdin, process.stderr, () => {
      interrupted.abort();
    });
    return await runInput(input, debugged, signal, terminal);
  }
  await using server = await InspectorServer.open(setting.port, `${pkg.manifest.id} on ${input.name}`);
  context.err(
    `Debugger listening on ${server.url}\n` +
      "Open chrome://inspect in Chromium, or attach an editor (docs/cli.md); it waits until a debugger is there.\n",
  );
  return await runInput(input, debugged, signal, server);
}

function checkDebuggable(
  { manifest: { guest, id } }: Package,
  inputs: readonly Input[],
  { runtime, state }: RunOptions,
): void {
  const complain = (what: string): WhiskersError => new WhiskersError("usage", `--debug: ${what}`);
  if (guest.kind !== "python" && guest.kind !== "javascript") {
    throw complain(`${id} is a ${guest.kind} guest; Python and JavaScript can be debugged`);
  }
  if (guest.kind === "javascript" && runtime === "inline") {
    throw complain(
      "the runtime inline runs JavaScript in a thread of Whiskers itself; choose subprocess or oci",
    );
  }
  if (state !== "auto" && state !== "fresh" && state !== undefined)
    throw complain("each run has a sandbox of its own: --state can be fresh alone");
  if (inputs.length !== 1) {
    const names = inputs.slice(0, 3).map(({ name }) => `\n${name}`);
    throw complain(
      `one raw file at a time can be debugged, and these are ${inputs.length}:${names.join("")}`,
    );
  }
}
