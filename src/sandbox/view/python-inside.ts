import type { Root } from "../../domain/package.ts";
import { messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { DESCRIBE, readDescription } from "../interpreters.ts";
import type { Python } from "../interpreters.ts";
import { findInRoot } from "./find-in-root.ts";
import { readToEnd } from "./read-to-end.ts";
import type { ViewParts } from "./view.ts";
import type { ViewHost } from "./view-host.ts";

const INSIDE_PATH = "/usr/local/bin:/usr/bin:/bin";
const OUTPUT_MAX_BYTES = 1024 * 1024;
/** A machine that is emulated, on a busy one, takes most of it to boot. */
const DEADLINE_MS = 240_000;

/**
 * The Python of a root filesystem. It is asked in a sandbox, and what it says of itself is not trusted further than
 * that: it is a program of somebody else's.
 * @throws WhiskersError `environment-missing`; `sandbox-failed` no sandbox could be started to ask it in
 */
export function describePythonInside(
  root: Root,
  version: string | null,
  host: ViewHost,
  parts: ViewParts,
): Promise<Python> {
  const ask = (): Promise<Python> => askPython(root, version, host, parts);
  return host.rememberPython === undefined ? ask() : host.rememberPython(`${root.digest} ${version}`, ask);
}

/** It is isolated (-I): of the package, whose folder is in view, nothing has a say in its answer. */
async function askPython(
  root: Root,
  version: string | null,
  host: ViewHost,
  parts: ViewParts,
): Promise<Python> {
  const names = version === null ? ["python3", "python"] : [`python${version}`, "python3", "python"];
  const entries = await host.makeEntries({ ...parts, dependenciesFolder: null });
  const seen: string[] = [];
  for (const candidate of names.flatMap((name) => findInRoot(root.folder, name, INSIDE_PATH))) {
    try {
      const command = { argv: [candidate, "-I", "-c", DESCRIBE], env: { PATH: INSIDE_PATH } };
      const said = await readToEnd(await host.launch(entries, command), OUTPUT_MAX_BYTES, DEADLINE_MS);
      if (said === null) throw new Error("it gave no description of itself");
      const python = readDescription(said);
      if (version === null || python.version.startsWith(`${version}.`)) return python;
      seen.push(`${candidate} is ${python.version}`);
    } catch (error) {
      // That says nothing of the root.
      if (error instanceof WhiskersError && error.code === "sandbox-failed") throw error;
      seen.push(`${candidate}: ${messageOf(error)}`);
    }
  }
  const wanted = version === null ? "Python 3" : `Python ${version}`;
  const found = seen.length === 0 ? `nothing was found in ${INSIDE_PATH}` : seen.join("; ");
  throw new WhiskersError("environment-missing", `the root ${root.name} has no ${wanted}: ${found}`);
}
