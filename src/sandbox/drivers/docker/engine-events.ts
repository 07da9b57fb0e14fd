import { setTimeout as delay } from "node:timers/promises";

import { isObject } from "../../../domain/unknown.ts";
import type { Engine } from "./engine.ts";
import { LABEL } from "./owner.ts";

/** What the engine says of a container while it runs. */
export interface ContainerListener {
  /** The kernel ended one of its processes for its memory limit. */
  onOutOfMemory(): void;
  /** The engine sent it a signal, asked by us or by somebody else. */
  onSignal(number: number): void;
}

/** Between two tries to hear an engine that has stopped talking, milliseconds. */
const RETRY_MS = 1000;

/** One connection for all containers of this process: an engine tells its events to whoever listens. */
export class EngineEvents {
  readonly #engine: Engine;
  readonly #owner: string;
  readonly #listeners = new Map<string, ContainerListener>();
  #following: AbortController | null = null;

  constructor(engine: Engine, owner: string) {
    this.#engine = engine;
    this.#owner = owner;
  }

  listen(container: string, listener: ContainerListener): void {
    this.#listeners.set(container, listener);
    if (this.#following === null) void this.#follow();
  }

  /** The last one that goes closes the connection: it would keep this process alive. */
  forget(container: string): void {
    this.#listeners.delete(container);
    if (this.#listeners.size > 0) return;
    this.#following?.abort();
    this.#following = null;
  }

  async #follow(): Promise<void> {
    const following = new AbortController();
    this.#following = following;
    const filters = JSON.stringify({
      type: ["container"],
      event: ["oom", "kill"],
      label: [`${LABEL.owner}=${this.#owner}`],
    });
    while (!following.signal.aborted) {
      try {
        for await (const event of this.#engine.follow("/events", { filters }, following.signal)) {
          this.#tell(event);
        }
      } catch {
        // Whoever waits for a container notices that the engine is gone.
      }
      await delay(RETRY_MS, undefined, { signal: following.signal, ref: false }).catch(() => {});
    }
  }

  #tell(event: unknown): void {
    if (!isObject(event)) return;
    const { Action: action, Actor: actor } = event;
    if (!isObject(actor)) return;
    const listener = this.#listeners.get(String(actor["ID"]));
    if (action === "oom") listener?.onOutOfMemory();
    if (action !== "kill") return;
    const signal = isObject(actor["Attributes"]) ? Number(actor["Attributes"]["signal"]) : 0;
    listener?.onSignal(signal);
  }
}
