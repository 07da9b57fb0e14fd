import type { StatePolicy } from "../../../src/domain/package.ts";
import type { GuestCommand } from "../../../src/sandbox/guest-command.ts";
import { testGuest } from "../../test/test-guest.ts";

/** The command of the PHP guest for a folder with `normalize.php`, without a sandbox. */
export function phpGuest(folder: string, state: StatePolicy, callable = "run"): GuestCommand {
  return testGuest({ kind: "php", version: null, file: "normalize.php", callable }, folder, state);
}
