import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { findHierarchies } from "./hierarchies.ts";

const V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";

describe("cgroup hierarchies of this process", () => {
  it("pure v2", () => {
    assert.deepEqual(findHierarchies("0::/user.slice/app.scope\n", V2), [
      { version: 2, controllers: [], folder: "/sys/fs/cgroup/user.slice/app.scope" },
    ]);
  });

  it("hybrid, with controllers that share a tree", () => {
    const mounts = [
      "30 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
      "31 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct",
      "32 23 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
    ].join("\n");
    const own = "5:cpuacct,cpu:/a\n4:memory:/b/c\n1:name=systemd:/\n0::/\n";
    assert.deepEqual(findHierarchies(own, mounts), [
      { version: 1, controllers: ["cpu", "cpuacct"], folder: "/sys/fs/cgroup/cpu,cpuacct/a" },
      { version: 1, controllers: ["memory"], folder: "/sys/fs/cgroup/memory/b/c" },
      { version: 2, controllers: [], folder: "/sys/fs/cgroup/unified" },
    ]);
  });

  it("a container that sees only its own part of the tree", () => {
    const mount = "30 23 0:27 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory";
    const found = (own: string): readonly string[] => findHierarchies(own, mount).map((one) => one.folder);
    assert.deepEqual(found("4:memory:/docker/abc\n"), ["/sys/fs/cgroup/memory"]);
    assert.deepEqual(found("4:memory:/docker/abc/x\n"), ["/sys/fs/cgroup/memory/x"]);
    assert.deepEqual(found("4:memory:/elsewhere\n"), []);
  });

  it("nonsense is nothing", () => {
    assert.deepEqual(findHierarchies("", ""), []);
    assert.deepEqual(findHierarchies("x\n0::/\n", "a - b\n\n"), []);
  });
});
