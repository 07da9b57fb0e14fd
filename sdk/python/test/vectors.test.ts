import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";

import { holdConversation, readConversations } from "../../test/conversation.ts";
import { GuestProcess } from "../../test/guest-process.ts";
import { findInterpreters } from "./interpreters.ts";
import { pythonGuest } from "./python-guest.ts";

const interpreters = findInterpreters();

test("there is a Python to test with", () => {
  assert.notEqual(interpreters.length, 0, "no Python 3.8 or later on the PATH");
});

for (const { version, path } of interpreters) {
  describe(`Python ${version}`, { timeout: 120_000 }, () => {
    for (const conversation of readConversations()) {
      for (const state of conversation.states) {
        test(`${state}: ${conversation.name}`, async () => {
          const { argv, env } = pythonGuest(join(import.meta.dirname, "vector-normalizer"), state, path);
          await using guest = new GuestProcess(argv, env);
          await holdConversation(guest, conversation);
        });
      }
    }
  });
}
