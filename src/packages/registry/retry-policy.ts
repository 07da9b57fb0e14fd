import type { RetryPolicy } from "../../http/retrying.ts";
import type { Endpoint } from "./endpoints.ts";
import type { ClientLimits } from "./registry-client.ts";

const ATTEMPTS = 5;
const LONGEST_MS = 8000;

/** A mirror has one try: behind it is another server. */
export function retryPolicy({ isMirror }: Endpoint, { retryMs }: ClientLimits): RetryPolicy {
  return { attempts: isMirror ? 1 : ATTEMPTS, baseMs: retryMs, capMs: LONGEST_MS };
}
