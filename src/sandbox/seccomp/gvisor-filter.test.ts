import assert from "node:assert/strict";
import { it } from "node:test";

import { containerFilter } from "./container-filter.ts";
import { gvisorFilter } from "./gvisor-filter.ts";

/** What gVisor makes of it is tried in test/security, under `fork`. */
it("gVisor gets the containers' list, and answers itself where libraries wait for ENOSYS", () => {
  for (const architecture of ["x64", "arm64"] as const) {
    const wanted = containerFilter(architecture);
    const filter = gvisorFilter(architecture);
    assert.equal(filter.defaultAction, "SCMP_ACT_ERRNO");
    assert.equal(filter.syscalls.length, wanted.syscalls.length);
    for (const [index, calls] of wanted.syscalls.entries()) {
      const found = filter.syscalls[index];
      assert.ok(found !== undefined);
      const { names, ...rest } = found;
      const added = names.filter((name) => !calls.names.includes(name));
      assert.deepEqual(added, calls.names.includes("pselect6") ? ["pselect"] : []);
      const { names: all, ...same } = calls;
      assert.ok(all.every((name) => names.includes(name)));
      assert.deepEqual(rest, all.includes("clone3") ? { action: "SCMP_ACT_ALLOW" } : same);
    }
  }
});
