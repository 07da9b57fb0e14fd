import { isPlain } from "../domain/package.ts";
import type { Guest, StatePolicy } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import type { Capabilities } from "./driver.ts";

/**
 * The state policy that keeps most between runs of what is safe to keep: `fork` where driver and
 * guest can, else `reuse`; `fresh` for programs of the plain form, which run only once, and where it costs next to
 * nothing.
 * `guestForks`: what its `ready` said; null before it was ever asked, where the SDK's kind decides.
 */
export function strongestWarm(
  capabilities: Capabilities,
  guestForks: boolean | null,
  guest: Guest,
): StatePolicy {
  if (isPlain(guest) || capabilities.cheapFresh === true) return "fresh";
  return capabilities.fork && (guestForks ?? guest.kind === "python") ? "fork" : "reuse";
}

/** @throws WhiskersError `state-unsupported` the driver or the kind of guest cannot do it */
export function checkState(
  state: StatePolicy,
  driver: { readonly name: string; readonly capabilities: Capabilities },
  guest: Guest,
): void {
  if (state === "fresh") return;
  if (isPlain(guest)) {
    const message = `state \`${state}\` needs a guest that speaks the guest protocol; a program of the plain form runs only under \`fresh\``;
    throw new WhiskersError("state-unsupported", message);
  }
  if (state === "fork" && !driver.capabilities.fork) {
    throw new WhiskersError(
      "state-unsupported",
      `the runtime \`${driver.name}\` cannot run guests that fork`,
    );
  }
}
