import { setTimeout as delay } from "node:timers/promises";

/** Between two looks, milliseconds: at first, and at most. */
const LOOK_MS = 0.5;
const LOOK_MAX_MS = 20;

/** Ends what is left, again and again, until nothing is. */
export async function untilGone(isLeft: () => boolean, end: () => void): Promise<void> {
  for (let waitMs = LOOK_MS; isLeft(); waitMs = Math.min(LOOK_MAX_MS, waitMs * 2)) {
    end();
    await delay(waitMs);
  }
}
