import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, it } from "node:test";

import { findInRoot, resolveInRoot } from "./find-in-root.ts";
import { rootEntries } from "./root-entries.ts";

describe("a root filesystem, which may be hostile", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-root-"));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const root = path.join(folder, "root");
  mkdirSync(path.join(root, "usr/bin"), { recursive: true });
  symlinkSync("usr/bin", path.join(root, "bin"));
  program("usr/bin/real");
  writeFileSync(path.join(root, "usr/bin/no-program"), "");
  writeFileSync(path.join(folder, "outside"), "");
  chmodSync(path.join(folder, "outside"), 0o755);
  link("/usr/bin/real", "usr/bin/absolute");
  link("../../../../../../usr/bin/real", "usr/bin/climbing");
  link("../../../outside", "usr/bin/out");
  link("round", "usr/bin/round");
  link("/proc", "tmp");
  for (const name of ["proc", "dev", "etc"]) mkdirSync(path.join(root, name));

  function program(name: string): void {
    writeFileSync(path.join(root, name), "#!/bin/sh\n");
    chmodSync(path.join(root, name), 0o755);
  }
  function link(target: string, name: string): void {
    symlinkSync(target, path.join(root, name));
  }

  it("links are followed as a process inside would", () => {
    assert.equal(resolveInRoot(root, "/bin/real"), "/usr/bin/real");
    assert.equal(resolveInRoot(root, "/bin/absolute"), "/usr/bin/real");
    assert.equal(resolveInRoot(root, "/bin/climbing"), "/usr/bin/real");
    assert.equal(resolveInRoot(root, "/bin/out"), null, "what is beside the root is not in it");
    assert.equal(resolveInRoot(root, "/bin/round"), null);
    assert.equal(resolveInRoot(root, "/nowhere/real"), null);
  });

  it("only programs are found", () => {
    assert.deepEqual(findInRoot(root, "absolute", "/sbin:/bin"), ["/bin/absolute"]);
    assert.deepEqual(findInRoot(root, "no-program", "/bin"), []);
    assert.deepEqual(findInRoot(root, "out", "/bin"), []);
    assert.deepEqual(findInRoot(root, "real", "relative:/bin"), ["/bin/real"]);
  });

  it("is shown by its folders, without the places that are the sandbox's own", () => {
    assert.deepEqual(rootEntries(root), [
      { kind: "link", target: "/bin", to: "usr/bin" },
      { kind: "read-only", source: path.join(root, "etc"), target: "/etc" },
      { kind: "read-only", source: path.join(root, "usr"), target: "/usr" },
    ]);
  });
});
