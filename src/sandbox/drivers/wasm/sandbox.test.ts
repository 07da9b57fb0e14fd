/** What a process may do to the driver when a guest has got out of WebAssembly. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";

import type { InstanceListener, InstancesProcess } from "./instances-process.ts";
import { WINDOW_BYTES } from "./process/channel.ts";
import { WasmSandbox } from "./sandbox.ts";

const PIECE = Buffer.alloc(32 * 1024);

suite("an instance as the driver sees it", () => {
  for (const which of ["onOutput", "onErrors"] as const) {
    test(`what comes that was not asked for (${which}) ends its process, and is not kept`, () => {
      const { sandbox, listener, killed } = open();
      for (let bytes = 0; bytes < 2 * WINDOW_BYTES; bytes += PIECE.length) listener[which](PIECE);
      assert.deepEqual(killed, []);
      for (let count = 0; count < 1000; count += 1) listener[which](PIECE);
      assert.equal(killed[0], 7);
      const kept = sandbox[which === "onOutput" ? "output" : "errors"].readableLength;
      assert.equal(kept, 2 * WINDOW_BYTES);
    });
  }
});

function open(): {
  readonly sandbox: WasmSandbox;
  readonly listener: InstanceListener;
  readonly killed: readonly number[];
} {
  const killed: number[] = [];
  const listeners: InstanceListener[] = [];
  const process = {
    open: (_message, listener) => {
      listeners.push(listener);
      return 7;
    },
    send: () => {},
    kill: (number) => {
      killed.push(number);
    },
  } satisfies Pick<InstancesProcess, "open" | "send" | "kill">;
  const sandbox = new WasmSandbox({
    id: "it",
    version: "1",
    protections: [],
    process: process as unknown as InstancesProcess,
    message: { args: [], env: {}, files: [] },
    speaksProtocol: true,
  });
  const [listener] = listeners;
  assert.ok(listener !== undefined);
  return { sandbox, listener, killed };
}
