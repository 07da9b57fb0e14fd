import { join } from "node:path";
import { describe, test } from "node:test";

import { holdConversation, readConversations } from "../../test/conversation.ts";
import { GuestProcess } from "../../test/guest-process.ts";
import { javascriptGuest } from "./javascript-guest.ts";

describe("Node", { timeout: 120_000 }, () => {
  for (const conversation of readConversations()) {
    for (const state of conversation.states) {
      // Node cannot fork: this guest says so, and nobody asks it to.
      if (state === "fork") continue;
      test(`${state}: ${conversation.name}`, async () => {
        const { argv, env } = javascriptGuest(join(import.meta.dirname, "vector-normalizer"), state);
        await using guest = new GuestProcess(argv, env);
        await holdConversation(guest, conversation);
      });
    }
  }
});
