import { WhiskersError } from "../errors.ts";

/** Whether what failed so may succeed later. A password that is wrong now may be corrected meanwhile. */
export function mayHelpLater(error: unknown): boolean {
  if (!(error instanceof WhiskersError)) return false;
  return error.row.retryable || error.code === "upstream-credentials";
}
