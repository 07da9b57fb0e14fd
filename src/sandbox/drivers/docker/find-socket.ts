import { statSync } from "node:fs";

/** Docker's, the rootless one's, Podman's, and the rootless one's of that. */
const USUAL_SOCKETS = [
  "/var/run/docker.sock",
  "$XDG_RUNTIME_DIR/docker.sock",
  "/run/podman/podman.sock",
  "$XDG_RUNTIME_DIR/podman/podman.sock",
];

/**
 * The socket of an address as DOCKER_HOST has it; of null: the first of the usual ones that is there, or would be.
 * @returns null: it is an address of another kind
 */
export function findSocket(host: string | null, env: NodeJS.ProcessEnv): string | null {
  if (host !== null) return host.startsWith("unix:///") ? host.slice("unix://".length) : null;
  const runtimeFolder = env["XDG_RUNTIME_DIR"] ?? "/nonexistent";
  const sockets = USUAL_SOCKETS.map((socket) => socket.replace("$XDG_RUNTIME_DIR", runtimeFolder));
  return sockets.find(isSocket) ?? sockets[0] ?? null;
}

function isSocket(file: string): boolean {
  try {
    return statSync(file).isSocket();
  } catch {
    return false;
  }
}
