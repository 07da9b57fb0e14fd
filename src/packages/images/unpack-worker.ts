/** The thread in which an image is unpacked: told what by its `workerData`, tells what came of it by one message. */
import { parentPort, workerData } from "node:worker_threads";

import { messageOf } from "../../domain/unknown.ts";
import { type ErrorCode, WhiskersError } from "../../errors.ts";
import { type Unpacked, unpackImage, type UnpackOrder } from "./unpack-image.ts";

export type UnpackReport =
  | { readonly ok: true; readonly unpacked: Unpacked }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a window; a thread's port has none
parentPort?.postMessage(await report(workerData as UnpackOrder));

async function report(order: UnpackOrder): Promise<UnpackReport> {
  try {
    return { ok: true, unpacked: await unpackImage(order) };
  } catch (error) {
    const code = error instanceof WhiskersError ? error.code : "internal";
    return { ok: false, code, message: messageOf(error) };
  }
}
