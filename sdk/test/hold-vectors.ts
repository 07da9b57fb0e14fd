import { describe, test } from "node:test";

import type { StatePolicy } from "../../src/domain/package.ts";
import type { GuestCommand } from "../../src/sandbox/guest-command.ts";
import { holdConversation, readConversations } from "./conversation.ts";
import { GuestProcess } from "./guest-process.ts";

/** Registers a test for every conversation of protocol/vectors/ in every state policy that a guest offers. */
export function holdVectors(
  name: string,
  states: readonly StatePolicy[],
  commandFor: (state: StatePolicy) => GuestCommand,
): void {
  describe(name, { timeout: 120_000 }, () => {
    for (const conversation of readConversations()) {
      for (const state of conversation.states.filter((each) => states.includes(each))) {
        test(`${state}: ${conversation.name}`, async () => {
          const { argv, env } = commandFor(state);
          await using guest = new GuestProcess(argv, env);
          await holdConversation(guest, conversation);
        });
      }
    }
  });
}
