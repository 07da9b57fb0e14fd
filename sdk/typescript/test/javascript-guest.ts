import type { StatePolicy } from "../../../src/domain/package.ts";
import type { GuestCommand } from "../../../src/sandbox/guest-command.ts";
import { testGuest } from "../../test/test-guest.ts";

/** The command of the JavaScript guest for a file, without a sandbox. */
export function javascriptGuest(
  folder: string,
  state: StatePolicy,
  file = "normalize.ts",
  name = "run",
): GuestCommand {
  return testGuest({ kind: "javascript", file, export: name }, folder, state, process.execPath);
}
