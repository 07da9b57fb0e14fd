/** Containers of runc as an ordinary user makes them: parts of the driver contract, run by a user who owns nothing. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";

import { findAll } from "../../src/sandbox/interpreters.ts";
import { asNobody, othersMayRead } from "../fixtures/ordinary-user.ts";

const PARTS = [
  "probe says which protections",
  "a python guest gets ready",
  "a javascript guest gets ready",
  "the guest's exit code and signal",
  "a guest cannot pass its own failure off",
  "kill ends daemons too",
  "too much memory",
  "close is idempotent",
  "its limits on processes",
];
const CONTRACT = path.join(import.meta.dirname, "oci-runc.test.ts");
const DEADLINE_MS = 120_000;

it("containers of an ordinary user keep the driver contract", { skip: whyNot() }, async (t) => {
  const names = `--test-name-pattern=${PARTS.join("|")}`;
  const node = [process.execPath, "--test", "--test-isolation=none", "--test-reporter=tap", names, CONTRACT];
  const { NODE_TEST_CONTEXT: _, TMPDIR: __, ...env } = process.env;
  const [program = "", ...args] = asNobody(node);
  const { stdout: said } = await promisify(execFile)(program, args, {
    env: { ...env, HOME: "/nonexistent", CI: "true" },
    timeout: DEADLINE_MS,
  }).catch((error: { readonly stdout?: string }) => ({ stdout: error.stdout ?? "" }));
  for (const part of PARTS) {
    const line = said.split("\n").find((one) => one.includes(` - ${part}`)) ?? "";
    assert.match(line, /^\s*ok /u, said.slice(-4000));
    // A distribution may keep user namespaces from ordinary users.
    if (line.includes("# SKIP")) t.diagnostic(line.trim());
  }
  if (/# SKIP/u.test(said)) t.skip(/# SKIP (.*)/u.exec(said)?.[1] ?? "");
});

function whyNot(): string | false {
  if (process.geteuid?.() !== 0) return "by an ordinary user oci-runc.test.ts is this test";
  if (findAll("runc", `${process.env["PATH"] ?? ""}:/usr/sbin`).length === 0) return "runc is not installed";
  return othersMayRead(CONTRACT) && othersMayRead(process.execPath)
    ? false
    : "the checkout lies where only root can read";
}
