import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";

import { ToolSandbox } from "./run-tool.ts";
import { findAll } from "../../interpreters.ts";

const SDK = path.resolve(import.meta.dirname, "../../../../sdk");

for (const variant of ["bubblewrap", "util-linux"] as const) {
  const isThere =
    findAll(variant === "bubblewrap" ? "bwrap" : "unshare", process.env["PATH"] ?? "").length > 0;
  test(
    `a tool in a sandbox of ${variant}: the network and its folders, nothing else`,
    {
      skip: isThere ? false : `${variant} is not installed`,
    },
    async (t) => {
      const root = mkdtempSync(path.join(tmpdir(), "whiskers-tool-"));
      const server = createServer((_request, response) => response.end("answer"));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      t.after(() => {
        server.close();
        rmSync(root, { recursive: true, force: true });
      });
      const [work, input] = [path.join(root, "work"), path.join(root, "input")];
      for (const folder of [work, input]) mkdirSync(folder);
      writeFileSync(path.join(input, "lock"), "locked");
      writeFileSync(path.join(root, "canary"), "secret");
      process.env["WHISKERS_TEST_SECRET"] = "secret";
      const { port } = server.address() as AddressInfo;
      const script = `
      const { existsSync, readFileSync, writeFileSync, readdirSync } = require("node:fs");
      const tryTo = (work) => { try { work(); return true } catch { return false } };
      const found = {
        lock: readFileSync("/whiskers/input/lock", "utf8"),
        writesInput: tryTo(() => writeFileSync("/whiskers/input/lock", "")),
        writesRoot: tryTo(() => writeFileSync("/x", "")),
        canary: existsSync(${JSON.stringify(path.join(root, "canary"))}),
        homes: existsSync("/home") || existsSync("/root") || existsSync("/var"),
        shadow: existsSync("/etc/shadow"),
        // The last three are those of shells.
        env: Object.keys(process.env).filter((name) => !["PWD", "SHLVL", "_"].includes(name)).sort(),
        processes: readdirSync("/proc").filter((name) => /^[0-9]+$/.test(name)).length < 10,
        uid: process.getuid(),
      };
      fetch("http://127.0.0.1:${port}").then((answer) => answer.text()).then((answer) => {
        writeFileSync("/whiskers/work/found.json", JSON.stringify({ ...found, answer }));
      });`;
      const sandbox = new ToolSandbox({ sdkFolder: SDK, stateDirectory: path.join(root, "state"), variant });
      const result = await sandbox.run(
        {
          argv: ["/whiskers/node", "-e", script],
          env: { ASKED: "1" },
          root: null,
          readable: [
            { source: input, target: "/whiskers/input" },
            { source: process.execPath, target: "/whiskers/node" },
          ],
          writable: [{ source: work, target: "/whiskers/work" }],
          workingFolder: "/whiskers/work",
          timeoutMs: 30_000,
        },
        t.signal,
      );
      assert.equal(result.exitCode, 0, result.said);
      const found = JSON.parse(readFileSync(path.join(work, "found.json"), "utf8"));
      assert.deepEqual(found, {
        lock: "locked",
        writesInput: false,
        writesRoot: false,
        canary: false,
        homes: false,
        shadow: false,
        env: ["ASKED", "HOME", "PATH"],
        processes: true,
        uid: 1000,
        answer: "answer",
      });
    },
  );
}

test("a tool that takes too long, or is not wanted any more, is ended", async (t) => {
  const root = mkdtempSync(path.join(tmpdir(), "whiskers-tool-"));
  t.after(() => {
    rmSync(root, { recursive: true, force: true });
  });
  const sandbox = new ToolSandbox({ sdkFolder: SDK, stateDirectory: path.join(root, "state") });
  const request = {
    argv: ["sh", "-c", "echo begun; sleep 1000"],
    env: {},
    root: null,
    readable: [],
    writable: [{ source: root, target: "/whiskers/work" }],
    workingFolder: "/whiskers/work",
    timeoutMs: 1000,
  };
  const ended = await sandbox.run(request, t.signal);
  assert.deepEqual(ended, { exitCode: null, said: "begun\n" });
  await assert.rejects(sandbox.run({ ...request, timeoutMs: 60_000 }, AbortSignal.timeout(500)), {
    code: "cancelled",
  });
});
