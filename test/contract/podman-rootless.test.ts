/** Containers of a Podman that an ordinary user has: parts of the driver contract, run by that user. */
import path from "node:path";
import { after, it } from "node:test";

import { keepsContract } from "../fixtures/contract-of-user.ts";
import { othersMayRead } from "../fixtures/ordinary-user.ts";
import { startRootlessPodman, whyNoRootlessPodman } from "../fixtures/podman-service.ts";

const CONTRACT = path.resolve(import.meta.dirname, "../fixtures/rootless-podman-contract.ts");
/** What an ordinary user's engine does not do by itself: the init and we set limits, and users are few. */
const PARTS = [
  "probe says which protections",
  "a python guest gets ready",
  "the guest's exit code and signal",
  "kill ends daemons too",
  "usage tells CPU time",
  "too much memory",
  "close is idempotent",
  "its limits on processes",
];
/** The others, but for what it does not have: wasm guests, and code that comes later. */
const OTHERS = [
  "prepare",
  "a javascript guest gets ready",
  "a php guest gets ready",
  "a program guest gets ready",
  "a python guest finds",
  "a javascript guest finds",
  "input,",
  "input to",
  "a guest cannot",
  "files are placed",
  "nothing of",
  "the guest has descriptors",
  "a daemon",
  "terminate",
  "many at once",
];

const isWhole = process.env["WHISKERS_TEST_PODMAN"] === "all";
const skip = whyNot();
const podman = skip === false ? await startRootlessPodman() : null;
after(() => podman?.close());

it("containers of an ordinary user's Podman keep the driver contract", { skip }, async (t) => {
  const parts = isWhole ? [...PARTS, ...OTHERS] : PARTS;
  await keepsContract(t, CONTRACT, parts, { WHISKERS_TEST_SOCKET: podman?.socket ?? "" });
});

function whyNot(): string | false {
  const reason = whyNoRootlessPodman();
  if (reason !== undefined) return reason;
  return othersMayRead(CONTRACT) && othersMayRead(process.execPath)
    ? false
    : "the checkout lies where only root can read";
}
