import type { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import { BadInput } from "./frames.ts";
import type { GuestStream } from "./frames.ts";
import { Guest } from "./guest.ts";
import { loadFunction } from "./load-function.ts";

/**
 * The guest over two Node streams, for a thread of a process that does more than this. Resolves when
 * the input ends, or after the one run of `fresh`; `false`: the normalizer could not be loaded, and
 * the host was told. What the normalizer prints goes where the thread's `console` goes.
 * @throws BadInput the host sent what no host should
 */
export async function serve(
  input: Readable,
  output: Writable,
  options: {
    readonly folder: string;
    readonly entrypoint: string;
    readonly dependencies: string | null;
    readonly state: "fresh" | "reuse";
    readonly loads?: "ahead" | "late";
  },
): Promise<boolean> {
  const guest = new Guest(streamPair(input, output));
  const onError = (error: unknown): void => {
    guest.fail(error);
  };
  process.on("uncaughtException", onError);
  try {
    const { folder, entrypoint, dependencies, state, loads } = options;
    return await guest.serve(() => loadFunction(folder, entrypoint, dependencies), state, loads);
  } finally {
    process.off("uncaughtException", onError);
  }
}

function streamPair(input: Readable, output: Writable): GuestStream {
  const chunks: AsyncIterator<Buffer> = input[Symbol.asyncIterator]();
  let rest: Buffer | null = null;
  return {
    async fill(target) {
      let filled = 0;
      while (filled < target.length) {
        if (rest === null || rest.length === 0) {
          const next = await chunks.next();
          if (next.done === true) {
            if (filled === 0) return false;
            throw new BadInput("the stream ended inside a frame");
          }
          rest = next.value;
        }
        const taken = rest.copy(target, filled);
        filled += taken;
        rest = rest.subarray(taken);
      }
      return true;
    },
    async write(bytes) {
      if (!output.write(bytes)) await once(output, "drain");
    },
  };
}
