import assert from "node:assert/strict";
import { it } from "node:test";

import { isStaleSandbox, sandboxNamePrefix } from "./owner.ts";

it("a sandbox's name tells whether the process that made it lives", () => {
  const name = `${sandboxNamePrefix()}1`;
  assert.equal(isStaleSandbox(name), false);
  assert.equal(isStaleSandbox(name.replace(/-\d+-(\d+)$/u, "-7-$1")), true, "another start time");
  assert.equal(isStaleSandbox(name.replace(/whiskers-\d+/u, "whiskers-1")), false, "another pid namespace");
  assert.equal(isStaleSandbox("system.slice"), false);
  assert.equal(isStaleSandbox("whiskers-runner"), false);
});
