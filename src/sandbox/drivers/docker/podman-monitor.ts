import { setTimeout as delay } from "node:timers/promises";

import { isObject } from "../../../domain/unknown.ts";
import { argumentsOf, isSameAlive, startOf } from "../process-tree.ts";
import type { Engine } from "./engine.ts";

/** The process that Podman starts beside each container, conmon(8). It outlives its container by what it cleans up. */
export interface Monitor {
  readonly pid: number;
  /** Of `startOf`: tells it from a later process with its pid. */
  readonly startedAt: string;
}

const LOOK_MS = 10;
/** It is Podman's own: one that hangs is not waited for. */
const GIVE_UP_MS = 10_000;

/** Of a container that has not ended. Null: it is not for us to see, as on another machine. @throws EngineError */
export async function findMonitor(engine: Engine, container: string): Promise<Monitor | null> {
  const answer = await engine.ask("GET", `/libpod/containers/${container}/json`);
  const state = isObject(answer) ? answer["State"] : null;
  const pid = Number(isObject(state) ? (state["ConmonPid"] ?? 0) : 0);
  const startedAt = startOf(pid);
  // Pids of another machine or pid namespace are other processes here.
  return startedAt === null || !argumentsOf(pid).includes(container) ? null : { pid, startedAt };
}

/** Call when the container is removed. */
export async function untilMonitorEnded({ pid, startedAt }: Monitor): Promise<void> {
  const giveUpAtMs = performance.now() + GIVE_UP_MS;
  while (isSameAlive(pid, startedAt) && performance.now() < giveUpAtMs) await delay(LOOK_MS);
}
