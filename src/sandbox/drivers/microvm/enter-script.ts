import { quote } from "../subprocess/quote.ts";
import type { Machine } from "./monitor.ts";

/** What the shell that becomes a monitor, its first argument and on, does to itself before. */
export function enterScript(machine: Machine, closes: readonly number[]): string {
  return [
    "set -e",
    ...machine.enterFiles.map((file) => `echo 0 >${quote(file)}`),
    // When memory is short on the machine, a sandbox goes before anything else does.
    "echo 800 >/proc/self/oom_score_adj",
    "ulimit -c 0",
    ...closes.map((fd) => `exec ${fd}<&-`),
    'exec "$@"',
  ].join("\n");
}
