/** Containers of runc as an ordinary user makes them: parts of the driver contract, run by a user who owns nothing. */
import path from "node:path";
import { it } from "node:test";

import { findAll } from "../../src/sandbox/interpreters.ts";
import { keepsContract } from "../fixtures/contract-of-user.ts";
import { othersMayRead } from "../fixtures/ordinary-user.ts";

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

it("containers of an ordinary user keep the driver contract", { skip: whyNot() }, async (t) => {
  await keepsContract(t, CONTRACT, PARTS);
});

function whyNot(): string | false {
  if (process.geteuid?.() !== 0) return "by an ordinary user oci-runc.test.ts is this test";
  if (findAll("runc", `${process.env["PATH"] ?? ""}:/usr/sbin`).length === 0) return "runc is not installed";
  return othersMayRead(CONTRACT) && othersMayRead(process.execPath)
    ? false
    : "the checkout lies where only root can read";
}
