import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { runInDebian, whyNoMachine } from "../fixtures/debian-machine.ts";

/** Parts of the driver contract that cgroups have a say in. */
const PARTS = [
  "probe says which protections",
  "kill ends daemons",
  "usage tells",
  "too much memory",
  "close is idempotent",
  "its limits on processes",
];
const DEADLINE_MS = 300_000;

const SCRIPT = `
cat /proc/self/cgroup
node --input-type=module -e '
import { openCgroups } from "/checkout/src/sandbox/cgroup/open-cgroups.ts";
const cgroups = openCgroups();
console.log("cgroups:", cgroups?.name, [...(cgroups?.controllers ?? [])].sort().join(" "));
'
node --test --test-isolation=none --test-reporter=tap \\
  --test-name-pattern '${PARTS.join("|")}' test/contract/subprocess-bubblewrap.test.ts
for file in /sys/fs/cgroup/service/*/cgroup.procs; do echo "left: $file"; done
`;

/** This machine may have version 1; here a kernel has version 2 and nothing else. */
describe("cgroups of version 2, on a kernel of their own", { skip: whyNoMachine() ?? false }, () => {
  it("sandboxes are limited and measured by them, and leave none behind", async (t) => {
    const said = await runInDebian(SCRIPT, DEADLINE_MS);
    t.diagnostic(said.split("\n").find((line) => line.startsWith("cgroups:")) ?? "");
    assert.match(said, /^0::\/service$/mu, said);
    assert.match(said, /^cgroups: cgroup v2 cpu cpuacct memory pids$/mu, said);
    for (const part of PARTS)
      assert.match(said, new RegExp(`^\\s*ok \\d+ - ${part}(?!.*# SKIP)`, "mu"), said);
    assert.doesNotMatch(said, /^\s*not ok/mu, said);
    const left = [...said.matchAll(/^left: (?<file>.*)$/gmu)].map((found) => found.groups?.["file"]);
    assert.deepEqual(left, ["/sys/fs/cgroup/service/whiskers-runner/cgroup.procs"]);
  });
});
