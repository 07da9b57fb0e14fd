import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ALLOWED, RULES } from "./allowed-calls.ts";
import { containerFilter } from "./container-filter.ts";
import type { ContainerFilter } from "./container-filter.ts";

/** What libseccomp makes of it is tried in test/contract and test/security; this asks every rule. */
describe("the seccomp filter of containers", () => {
  for (const [architecture, column] of [
    ["x64", 0],
    ["arm64", 1],
  ] as const) {
    const filter = containerFilter(architecture);

    it(`allows what the table says and nothing else, on ${architecture}`, () => {
      const named = new Set(filter.syscalls.flatMap(({ names }) => names));
      const known = [
        ...ALLOWED.flatMap(({ calls }) => Object.entries(calls)),
        ...RULES.map(({ call, numbers }) => [call, numbers] as const),
      ];
      const wanted = known.filter(([, numbers]) => numbers[column] !== null).map(([call]) => call);
      assert.deepEqual([...named].toSorted(), wanted.toSorted());
      for (const { calls } of ALLOWED)
        for (const [call, numbers] of Object.entries(calls))
          if (numbers[column] !== null) assert.equal(decide(filter, call, []), 0, call);
      assert.equal(decide(filter, "mount", []), 1);
    });

    it(`tests arguments as the table says, on ${architecture}`, () => {
      for (const { call, numbers, allowed, errno } of RULES) {
        if (numbers[column] === null) continue;
        if (allowed === "never") {
          assert.notEqual(decide(filter, call, []), 0, call);
          if (errno === "ENOSYS") assert.equal(decide(filter, call, []), 38, call);
          continue;
        }
        const good: number[] = [];
        for (const { argument, values } of allowed) good[argument] = values[0] ?? 0;
        assert.equal(decide(filter, call, good), 0, `${call} with ${good.join(", ")}`);
        for (const { argument, mask = 0xffff_ffff, values } of allowed) {
          const bad = [...good];
          // Every bit that is looked at, and that does not make another good value.
          bad[argument] = (~(values.reduce((all, value) => all | value, 0) & 0x7fff_ffff) & mask) >>> 0;
          assert.equal(decide(filter, call, bad), 1, `${call} with ${bad.join(", ")}`);
        }
      }
    });
  }

  it("refuses new namespaces and sockets, and allows threads", () => {
    const filter = containerFilter("x64");
    assert.equal(decide(filter, "clone", [0x003d_0f00]), 0);
    assert.equal(decide(filter, "clone", [0x1000_0000 | 17]), 1);
    assert.equal(decide(filter, "socket", [1]), 1);
    assert.equal(decide(filter, "setsockopt", [5, 1, 21]), 0);
    assert.equal(decide(filter, "setsockopt", [5, 1, 26]), 1, "SO_ATTACH_FILTER");
  });
});

/** The error that a call fails with; 0: it is allowed. As libseccomp decides it. */
function decide(filter: ContainerFilter, call: string, args: readonly number[]): number {
  for (const { names, action, errnoRet = 1, args: tests = [] } of filter.syscalls) {
    if (!names.includes(call)) continue;
    const holds = tests.every(
      ({ index, value, valueTwo }) => ((args[index] ?? 0) & value) >>> 0 === valueTwo >>> 0,
    );
    if (holds) return action === "SCMP_ACT_ALLOW" ? 0 : errnoRet;
  }
  return filter.defaultErrnoRet;
}
