import type { StatePolicy } from "../../../src/domain/package.ts";
import type { GuestCommand } from "../../../src/sandbox/guest-command.ts";
import { testGuest } from "../../test/test-guest.ts";

/** The command of the Python guest for a folder with `normalize.py`, without a sandbox. */
export function pythonGuest(
  folder: string,
  state: StatePolicy,
  interpreter: string | null,
  callable = "run",
  convention?: "openkat",
): GuestCommand {
  const guest = {
    kind: "python",
    version: null,
    module: "normalize",
    callable,
    ...(convention && { convention }),
  } as const;
  return testGuest(guest, folder, state, interpreter);
}
