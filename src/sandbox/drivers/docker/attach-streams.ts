import type { Duplex } from "node:stream";

import type { Engine } from "./engine.ts";

/** The streams of a container. One connection may be both. */
export interface Attached {
  readonly input: Duplex;
  /** Carries output and errors, `demultiplex`. Nothing is read from it yet. */
  readonly output: Duplex;
}

/**
 * Attaches to a container before it starts. With Docker's engine by one connection. With Podman by two, because it
 * drops what it has not yet passed on of a container's output when sending input fails, or when its conmon ends with
 * input that nobody has read: unix(7) resets a socket that is closed with unread bytes, and a sequenced one then tells
 * the error before what arrived. What nothing is sent to is never reset. Output comes first: conmon takes one
 * connection at a time, and sends what the container prints to those that it has. @throws EngineError
 */
export async function attachStreams(engine: Engine, container: string, isPodman: boolean): Promise<Attached> {
  if (!isPodman) {
    const both = await engine.attach(container, ["stdin", "stdout", "stderr"]);
    both.pause();
    return { input: both, output: both };
  }
  const output = await engine.attach(container, ["stdout", "stderr"]);
  output.pause();
  try {
    const input = await engine.attach(container, ["stdin"]);
    // Nothing comes, but that it ends.
    input.resume();
    return { input, output };
  } catch (error) {
    output.destroy();
    throw error;
  }
}
