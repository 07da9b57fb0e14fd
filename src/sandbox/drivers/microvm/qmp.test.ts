import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import { test } from "node:test";

import { Qmp } from "./qmp.ts";

test("a QEMU that says something without end is not listened to", async () => {
  let saidChars = 0;
  const stream = new Duplex({
    read: () => {
      saidChars += 65_536;
      setImmediate(() => stream.push("x".repeat(saidChars > 64 * 1024 * 1024 ? 0 : 65_536)));
    },
    write: (_chunk, _encoding, callback) => {
      callback();
    },
  });
  await assert.rejects(new Qmp(stream).ask("stop"), /QEMU has ended/u);
  assert.ok(saidChars < 4 * 1024 * 1024, `${saidChars} characters`);
});
