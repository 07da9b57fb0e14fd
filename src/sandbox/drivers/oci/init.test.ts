import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { it } from "node:test";

import type { Entry } from "../../view/view.ts";
import { underInit } from "./init.ts";
import type { Runtime } from "./runtimes.ts";

const SHELL: Entry = { kind: "read-only", source: "/bin/sh", target: "/whiskers/bin/sh", isFile: true };
const RUNTIME: Partial<Runtime> = { passesDescriptors: true };

/** What the guest printed, when the first process got this answer; null: its host ended without one. */
async function guestAfter(answer: string | null): Promise<string> {
  const [, ...args] = underInit(["echo", "a guest"], [SHELL], RUNTIME as Runtime);
  const child = spawn("/bin/sh", args, { stdio: ["ignore", "pipe", "inherit", "pipe"] });
  const status = child.stdio[3] as Duplex;
  status.once("data", () => {
    if (answer === null) status.destroy();
    else status.write(answer);
  });
  const said = child.stdout?.toArray() ?? Promise.resolve([]);
  await once(child, "exit");
  return (await said).join("");
}

it("there is a guest when its host has said that it is in its cgroup, and none when the host has ended before", async () => {
  assert.equal(await guestAfter("go\n"), "a guest\n");
  assert.equal(await guestAfter(null), "");
});
