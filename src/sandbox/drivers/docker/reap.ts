import { readdir, rm } from "node:fs/promises";
import path from "node:path/posix";
import { setTimeout as delay } from "node:timers/promises";

import { isObject, messageOf } from "../../../domain/unknown.ts";
import { isStaleSandbox } from "../../cgroup/owner.ts";
import { EngineError } from "./engine.ts";
import type { Engine } from "./engine.ts";
import { isAbandoned, LABEL } from "./owner.ts";

/**
 * Removes the containers and files of processes that have ended without doing so themselves. Any number of
 * processes may do this at once.
 * @returns what could not be removed, and why, a sentence each: it is in nobody's way
 * @throws EngineError
 */
export async function reap(engine: Engine, stateDirectory: string): Promise<readonly string[]> {
  const filters = JSON.stringify({ label: [LABEL.sandbox] });
  const listed = await engine.ask("GET", "/containers/json", { query: { all: "1", filters } });
  const found = Array.isArray(listed) ? listed.filter(isObject) : [];
  const nowMs = Date.now();
  const stuck: string[] = [];
  await Promise.all(
    found.map(async ({ Id: id, Labels: labels, State: state, Created: createdSeconds }) => {
      const container = {
        labels: isObject(labels) ? labels : {},
        state: String(state),
        createdMs: Number(createdSeconds) * 1000,
      };
      if (!isAbandoned(container, nowMs)) return;
      await removeContainer(engine, String(id)).catch((error: unknown) => {
        stuck.push(`the engine cannot remove ${String(id)}, which nobody uses any more: ${messageOf(error)}`);
      });
    }),
  );
  for (const name of await readdir(stateDirectory)) {
    if (isStaleSandbox(name)) await rm(path.join(stateDirectory, name), { recursive: true, force: true });
  }
  return stuck;
}

/**
 * Whatever its state. One that is gone, or that somebody else is removing, is fine. Podman does not remove one that ends
 * at the same moment: it is asked again. @throws EngineError
 */
export async function removeContainer(engine: Engine, container: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      await engine.ask("DELETE", `/containers/${container}`, { query: { force: "1", v: "1" } });
      return;
    } catch (error) {
      if (error instanceof EngineError && (error.status === 404 || error.status === 409)) return;
      if (tries === REMOVE_TRIES || !(error instanceof EngineError && error.status === 500)) throw error;
      await delay(REMOVE_AGAIN_MS * tries);
    }
  }
}

const REMOVE_TRIES = 5;
const REMOVE_AGAIN_MS = 100;
