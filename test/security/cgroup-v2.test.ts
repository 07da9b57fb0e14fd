import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TestContext } from "node:test";

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
/** Of containers: the basics beside. */
const CONTAINER_PARTS = [...PARTS, "three streams", "exit code and signal"];
const DEADLINE_MS = 150_000;
const CONTAINERS_DEADLINE_MS = 900_000;
const isWhole = process.env["WHISKERS_TEST_CGROUP_V2"] === "all";

const CGROUPS = `
cat /proc/self/cgroup
node --input-type=module -e '
import { openCgroups } from "/checkout/src/sandbox/cgroup/open-cgroups.ts";
const cgroups = openCgroups();
console.log("cgroups:", cgroups?.name, [...(cgroups?.controllers ?? [])].sort().join(" "));
'
`;
const LEFT = `
for file in /sys/fs/cgroup/service/*/cgroup.procs; do echo "left: $file"; done
`;

function contract(file: string, parts: readonly string[]): string {
  return `
node --test --test-isolation=none --test-reporter=tap \\
  --test-name-pattern '${parts.join("|")}' test/contract/${file}
`;
}

/** This machine may have version 1; here a kernel has version 2 and nothing else. */
describe("cgroups of version 2, on a kernel of their own", { skip: whyNoMachine() ?? false }, () => {
  it("sandboxes are limited and measured by them, and leave none behind", async (t) => {
    const script = `${CGROUPS}${contract("subprocess-bubblewrap.test.ts", PARTS)}${LEFT}`;
    const said = await runInMachine(t, script, DEADLINE_MS);
    t.diagnostic(said.split("\n").find((line) => line.startsWith("cgroups:")) ?? "");
    assert.match(said, /^0::\/service$/mu, said);
    assert.match(said, /^cgroups: cgroup v2 cpu cpuacct memory pids$/mu, said);
    holds(said, PARTS);
    leavesNothing(said);
  });

  for (const runtime of ["runc", "crun"]) {
    const skip = isWhole ? false : "everything is emulated there: WHISKERS_TEST_CGROUP_V2=all";
    it(
      `containers of ${runtime} are limited and measured by them, and leave none behind`,
      { skip },
      async (t) => {
        const script = `
mkdir /tmp/share
echo "share: $(node test/fixtures/oci-processor-share.ts /tmp/share ${runtime})"
ls /tmp/share/oci/bundles /tmp/share/oci/records | grep whiskers- | sed 's/^/left: /'
`;
        const whole = `${CGROUPS}${contract(`oci-${runtime}.test.ts`, CONTAINER_PARTS)}${script}${LEFT}`;
        const said = await runInMachine(t, whole, CONTAINERS_DEADLINE_MS);
        holds(said, CONTAINER_PARTS);
        leavesNothing(said);
        const share = Number(/^share: (?<share>[\d.]+)$/mu.exec(said)?.groups?.["share"]);
        t.diagnostic(`an endless loop with a quarter of a processor got ${share} of one`);
        assert.ok(share > 0.1 && share < 0.35, said);
      },
    );
  }
});

/**
 * Node.js at times stands still in an emulated machine, or crashes, before the first test has ended (one of some thirty): such a
 * machine is started once more. Where a test has ended, or one stands still again, it is what is tested that does.
 */
async function runInMachine(t: TestContext, script: string, deadlineMs: number): Promise<string> {
  try {
    return await runInDebian(script, deadlineMs);
  } catch (error) {
    if (/^\s*(?:not )?ok /mu.test(String(error))) throw error;
    t.diagnostic(`tried once more: ${String(error)}`);
    return runInDebian(script, deadlineMs);
  }
}

function holds(said: string, parts: readonly string[]): void {
  for (const part of parts)
    assert.match(said, new RegExp(`^\\s*ok \\d+ - .*${part}(?!.*# SKIP)`, "mu"), said);
  assert.doesNotMatch(said, /^\s*not ok/mu, said);
}

function leavesNothing(said: string): void {
  const left = [...said.matchAll(/^left: (?<file>.*)$/gmu)].map((found) => found.groups?.["file"]);
  assert.deepEqual(left, ["/sys/fs/cgroup/service/whiskers-runner/cgroup.procs"]);
}
