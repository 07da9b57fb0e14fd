import { Worker } from "node:worker_threads";

import { WhiskersError } from "../../errors.ts";
import type { Unpacked, UnpackOrder } from "./unpack-image.ts";
import type { UnpackReport } from "./unpack-worker.ts";

/** An image within the limits takes seconds. What takes longer is made to. */
const LONGEST_MS = 600_000;
/** What a tree of as many entries as allowed needs, and some more. */
const MEMORY_MIB = 1024;

/**
 * Unpacks layers in a thread of its own, which can be ended whatever it does.
 * @throws WhiskersError as `unpackImage`, and `cancelled`
 */
export async function unpackInWorker(order: UnpackOrder, signal?: AbortSignal): Promise<Unpacked> {
  const tooLong = AbortSignal.timeout(LONGEST_MS);
  const end = signal === undefined ? tooLong : AbortSignal.any([signal, tooLong]);
  if (end.aborted) throw stopped(signal);
  const worker = new Worker(new URL("unpack-worker.ts", import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB },
  });
  const onAbort = (): void => void worker.terminate();
  end.addEventListener("abort", onAbort);
  try {
    const report = await new Promise<UnpackReport>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => {
        reject(stopped(signal));
      });
    });
    if (report.ok) return report.unpacked;
    throw new WhiskersError(report.code, report.message);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_WORKER_OUT_OF_MEMORY") {
      throw new WhiskersError("image-too-large", `unpacking it takes more than ${MEMORY_MIB} MiB of memory`, {
        cause,
      });
    }
    throw cause;
  } finally {
    end.removeEventListener("abort", onAbort);
    await worker.terminate();
  }
}

function stopped(signal: AbortSignal | undefined): WhiskersError {
  return signal?.aborted === true
    ? new WhiskersError("cancelled", "unpacking was cancelled")
    : new WhiskersError("image-too-large", `unpacking it took more than ${LONGEST_MS / 1000} s`);
}
