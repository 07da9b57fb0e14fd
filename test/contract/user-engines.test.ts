/** Containers of the engines that an ordinary user has: parts of the driver contract, run by that user. */
import path from "node:path";
import { it } from "node:test";

import { keepsContractOf, USER_ENGINES } from "../fixtures/user-engines.ts";

const CONTRACT = path.resolve(import.meta.dirname, "../fixtures/user-engine-contract.ts");
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

const parts = process.env["WHISKERS_TEST_PODMAN"] === "all" ? [...PARTS, ...OTHERS] : PARTS;

for (const engine of USER_ENGINES) {
  const title = `containers of an ordinary user's ${engine.name} keep the driver contract`;
  it(title, { skip: engine.skip }, (t) => keepsContractOf(engine, t, CONTRACT, parts));
}
