import { constants, statSync } from "node:fs";

import { mayAccess } from "../../may-access.ts";

/** Docker's, the rootless one's, Podman's, and the rootless one's of that. */
const USUAL_SOCKETS = [
  "/var/run/docker.sock",
  "$XDG_RUNTIME_DIR/docker.sock",
  "/run/podman/podman.sock",
  "$XDG_RUNTIME_DIR/podman/podman.sock",
];

/**
 * The socket of an address as DOCKER_HOST has it; of null: the first of the usual ones that this user may use, else that is
 * there, or would be: where root has an engine, a user may have one without rights beside it.
 * @returns null: it is an address of another kind
 */
export function findSocket(
  host: string | null,
  env: NodeJS.ProcessEnv,
  usual: readonly string[] = USUAL_SOCKETS,
): string | null {
  if (host !== null) return host.startsWith("unix:///") ? host.slice("unix://".length) : null;
  const runtimeFolder = env["XDG_RUNTIME_DIR"] ?? "/nonexistent";
  const sockets = usual.map((socket) => socket.replace("$XDG_RUNTIME_DIR", runtimeFolder));
  const there = sockets.filter(isSocket);
  return (
    there.find((socket) => mayAccess(socket, constants.R_OK | constants.W_OK)) ??
    there[0] ??
    sockets[0] ??
    null
  );
}

function isSocket(file: string): boolean {
  try {
    return statSync(file).isSocket();
  } catch {
    return false;
  }
}
