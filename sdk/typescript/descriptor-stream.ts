import type { Buffer } from "node:buffer";
import { readSync, writeSync } from "node:fs";

import { BadInput } from "./frames.ts";
import type { GuestStream } from "./frames.ts";

const EXIT_HOST_GONE = 74;
const RETRY_MS = 1;

/**
 * The protocol's stream over two descriptors, blocking: between runs nothing of a normalizer goes
 * on, and a host that reads slowly slows the normalizer down. A host that is gone ends the process.
 */
export function descriptorStream(input: number, output: number): GuestStream {
  return {
    fill(target) {
      let filled = 0;
      while (filled < target.length) {
        const count = patiently(() => readSync(input, target, filled, target.length - filled, null));
        if (count === 0) {
          if (filled === 0) return false;
          throw new BadInput("the stream ended inside a frame");
        }
        filled += count;
      }
      return true;
    },
    write(bytes: Buffer) {
      try {
        let written = 0;
        while (written < bytes.length) {
          written += patiently(() => writeSync(output, bytes, written, bytes.length - written));
        }
      } catch {
        process.exit(EXIT_HOST_GONE);
      }
    },
  };
}

/** Waits where a descriptor is set to non-blocking, as some hosts hand it over. */
function patiently(call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error) || error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}
