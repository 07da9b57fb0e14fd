import { join } from "node:path";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import type { Guest, StatePolicy } from "../../src/domain/package.ts";
import { guestCommand } from "../../src/sandbox/guest-command.ts";
import type { GuestCommand } from "../../src/sandbox/guest-command.ts";
import { barePackage } from "../../src/sandbox/testing/bare-package.ts";

/** The command of a guest for a folder, without a sandbox. */
export function testGuest(
  guest: Guest,
  folder: string,
  state: StatePolicy,
  interpreter: string | null = null,
): GuestCommand {
  const pkg = barePackage({ name: "test", folder, guest });
  const paths = {
    packageFolder: folder,
    sdkFolder: join(import.meta.dirname, ".."),
    dependenciesFolder: "/whiskers/dependencies",
    interpreter,
    metaFile: "",
    privateTmp: false,
  };
  return guestCommand(pkg, state, paths, DEFAULT_LIMITS);
}
