import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import type { StatePolicy } from "../../src/domain/package.ts";
import { FRAME } from "../../src/sandbox/frames.ts";
import type { GuestProcess } from "./guest-process.ts";

type Step =
  | { readonly expect: "ready"; readonly first: boolean }
  | { readonly send: string }
  | { readonly close: true }
  | {
      readonly expect: "run";
      readonly run: number;
      readonly records: readonly unknown[];
      readonly logs: readonly unknown[];
      readonly end: { readonly done: true } | { readonly failed: Readonly<Record<string, unknown>> };
    };

export interface Conversation {
  readonly name: string;
  readonly states: readonly StatePolicy[];
  readonly steps: readonly Step[];
  readonly exit: number;
}

export function readConversations(): readonly Conversation[] {
  const path = join(import.meta.dirname, "../../protocol/vectors/conversations.json");
  return JSON.parse(readFileSync(path, "utf8"));
}

/** Holds one conversation of protocol/vectors/ with a guest that runs the fixture normalizer. */
export async function holdConversation(guest: GuestProcess, conversation: Conversation): Promise<void> {
  for (const step of conversation.steps) {
    if ("send" in step) guest.send(Buffer.from(step.send, "hex"));
    else if ("close" in step) guest.closeInput();
    else if (step.expect === "ready") {
      const ready = await guest.ready();
      if (step.first) {
        assert.ok(Array.isArray(ready["protocols"]) && ready["protocols"].includes(1));
      }
    } else {
      const answer = await guest.answer();
      assert.deepEqual(answer.records, step.records, guest.errors);
      assert.deepEqual(answer.logs, step.logs);
      assert.ok(answer.runs.every((run) => run === step.run));
      if ("done" in step.end) {
        assert.equal(answer.end, "done", `${JSON.stringify(answer.payload)} ${guest.errors}`);
        if (answer.payload["records"] !== undefined) {
          assert.equal(answer.payload["records"], step.records.length);
        }
      } else {
        assert.equal(answer.end, "failed");
        const keys = Object.keys(step.end.failed);
        assert.deepEqual(Object.fromEntries(keys.map((key) => [key, answer.payload[key]])), step.end.failed);
      }
    }
  }
  guest.closeInput();
  for (;;) {
    const frame = await guest.nextFrame();
    if (frame === null) break;
    if (conversation.exit === 0) assert.equal(frame.kind, FRAME.ready, "a frame after the end");
  }
  const { code, signal } = await guest.ended;
  assert.deepEqual({ code, signal }, { code: conversation.exit, signal: null }, guest.errors);
}
