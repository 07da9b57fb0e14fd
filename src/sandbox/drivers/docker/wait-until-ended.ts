import { isObject } from "../../../domain/unknown.ts";
import type { Engine } from "./engine.ts";

/** Between two looks of Podman at what is waited for. Docker's engine knows at once. */
const PODMAN_LOOK = "25ms";

/**
 * Until a container that was started has ended. @returns its status; null: the engine did not say. @throws EngineError
 */
export async function waitUntilEnded(
  engine: Engine,
  container: string,
  isPodman: boolean,
): Promise<number | null> {
  if (isPodman) {
    // By its own API: as Docker's, it looks again every nanosecond in versions before 4.6, with all of a processor for each.
    const query = { condition: "exited", interval: PODMAN_LOOK };
    const answer = await engine.ask("POST", `/libpod/containers/${container}/wait`, {
      query,
      timeoutMs: Infinity,
    });
    return numberOf(answer);
  }
  const query = { condition: "not-running" };
  const answer = await engine.ask("POST", `/containers/${container}/wait`, { query, timeoutMs: Infinity });
  return isObject(answer) ? numberOf(answer["StatusCode"]) : null;
}

function numberOf(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}
