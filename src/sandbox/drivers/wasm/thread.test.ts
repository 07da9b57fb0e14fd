/** Threads of a package's process, as it has them: compiled, in a copy. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";

import { assemble, command } from "../../../../test/fixtures/wasm-modules.ts";
import { copyProcess } from "./process-copy.ts";
import type { Thread } from "./process/thread.ts";

const folder = mkdtempSync(path.join(tmpdir(), "whiskers-thread-"));

suite("a thread", () => {
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test("that is ended when its run has just ended by itself takes no other", async () => {
    const copy = await copyProcess(folder, "draft");
    const { Thread: Made } = (await import(`${copy}/thread.js`)) as { readonly Thread: typeof Thread };
    const module = await WebAssembly.compile(await assemble(command("")));
    const code = { kind: "module", module, parts: null, isReactor: false } as const;
    const said: string[] = [];
    const { promise: idle, resolve: onFirstIdle } = Promise.withResolvers<void>();
    const onIdle = (): void => {
      said.push("idle");
      onFirstIdle();
    };
    const options = { code, folders: {}, tmpBytes: 1024, openFiles: 8, heapMiB: 32 };
    const thread = new Made(options, onIdle, () => said.push("gone"));
    await idle;
    const ended = new Promise<void>((resolve) => {
      const onEnded = (): void => {
        said.push("ended");
        resolve();
      };
      thread.run({ args: [], env: {}, files: [] }, { onWake: () => {}, onSnapshot: () => {}, onEnded });
    });
    // What it says meanwhile is heard only after it.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    thread.kill();
    await ended;
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.deepEqual(said, ["idle", "gone", "ended"]);
  });
});
