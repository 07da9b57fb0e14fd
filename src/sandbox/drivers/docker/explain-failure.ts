import { statSync } from "node:fs";

import { codeOf } from "../../../domain/unknown.ts";
import type { EngineError } from "./engine.ts";

/** Why an engine cannot be talked to, and what would help. */
export function explainEngineFailure(
  error: EngineError,
  socketPath: string,
): { readonly reason: string; readonly remedy: string } {
  const isPodman = /\bpodman\b/u.test(socketPath);
  switch (codeOf(error.cause)) {
    case "ENOENT":
      return {
        reason: `there is no engine: no socket ${socketPath}`,
        remedy:
          "Install one (Debian: docker.io) and start it, " +
          "or say where it listens: WHISKERS_DOCKER_HOST or DOCKER_HOST.",
      };
    case "ECONNREFUSED":
      return {
        reason: `nobody listens on ${socketPath}: the engine has ended`,
        remedy: `Start it: \`systemctl start ${isPodman ? "podman.socket" : "docker"}\`.`,
      };
    case "EACCES":
      return {
        reason: `this user may not use ${socketPath}, which belongs to ${ownerOf(socketPath)}`,
        remedy:
          "Run Whiskers as a user who may. Who may use the socket of an engine that runs as root is as good as root: " +
          "a rootless engine is safer.",
      };
    default:
      return {
        reason: `the engine at ${socketPath} does not work: ${error.message}`,
        remedy: `Look at the engine's log: \`journalctl -u ${isPodman ? "podman" : "docker"}\`.`,
      };
  }
}

function ownerOf(file: string): string {
  try {
    const { uid, gid, mode } = statSync(file);
    return `user ${uid} and group ${gid} (mode ${(mode & 0o777).toString(8)})`;
  } catch {
    return "another user";
  }
}
