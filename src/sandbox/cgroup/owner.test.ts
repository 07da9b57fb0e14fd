import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
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

/** Where /proc shows nobody the processes of others, as a user who owns nothing. */
const HIDDEN =
  'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"';
const skip = process.geteuid?.() === 0 ? false : "it mounts, and becomes another user";

it("what belongs to a process that is hidden is not taken for a dead one's", { skip }, () => {
  const name = `${sandboxNamePrefix()}1`;
  const dead = name.replace(/-\d+-\d+-1$/u, `-${spawnSync("true").pid}-1-1`);
  const code = `
    const { isStaleSandbox } = await import(${JSON.stringify(path.join(import.meta.dirname, "owner.ts"))});
    console.log(JSON.stringify(${JSON.stringify([name, dead])}.map(isStaleSandbox)));`;
  const node = [process.execPath, "--input-type=module", "--eval", code];
  const { stdout, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", HIDDEN, "sh", ...node], {
    encoding: "utf8",
  });
  assert.equal(stdout.trim(), "[false,true]", stderr);
});
