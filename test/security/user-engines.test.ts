/** The hostile suite against the engines that an ordinary user has, run by that user. */
import path from "node:path";
import { it } from "node:test";

import { keepsContractOf, USER_ENGINES } from "../fixtures/user-engines.ts";
import { ATTACKS } from "./attacks.ts";
import { triedByDefault } from "./tried-by-default.ts";

const SUITE = path.resolve(import.meta.dirname, "../fixtures/user-engine-attacks.ts");
/** Their root filesystem is made by root. */
const BY_ROOT = ["root-links", "root-privileges"];
/** Only control groups hold these, which an ordinary user's engine has none of on a machine with version 1. */
const BY_CGROUPS = ["memory-many-children", "memory-kernel", "javascript-memory"];

const names = triedByDefault("userEngine") ?? ATTACKS.map(({ name }) => name);
const tried = names.filter((name) => ![...BY_ROOT, ...BY_CGROUPS].includes(name));

for (const engine of USER_ENGINES) {
  const title = `hostile guests in the ${engine.name} of an ordinary user`;
  it(title, { skip: engine.skip }, (t) => keepsContractOf(engine, t, SUITE, tried));
}
