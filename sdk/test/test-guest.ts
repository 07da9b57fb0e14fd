import { join } from "node:path";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import type { Guest, StatePolicy } from "../../src/domain/package.ts";
import { guestCommand } from "../../src/sandbox/guest-command.ts";
import type { GuestCommand } from "../../src/sandbox/guest-command.ts";

/** The command of a guest for a folder, without a sandbox. */
export function testGuest(
  guest: Guest,
  folder: string,
  state: StatePolicy,
  interpreter: string | null = null,
): GuestCommand {
  const pkg = {
    digest: "sha256:test",
    root: null,
    dependencies: null,
    folder,
    manifest: {
      id: "test",
      name: "test",
      description: null,
      version: null,
      consumes: [],
      produces: [],
      guest,
      limits: {},
      schema: "openkat/1",
      dependencies: null,
      runtime: null,
      onInvalid: "fail",
    },
  } as const;
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
