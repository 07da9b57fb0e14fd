/** How QEMU is found, and what is made of what it can do here. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, suite, test } from "node:test";

import { diskImage } from "../../src/packages/disk-image.ts";
import type { MicrovmOptions } from "../../src/sandbox/drivers/microvm/create-microvm-driver.ts";
import { setUp } from "../../src/sandbox/drivers/microvm/set-up.ts";
import type { SetUp } from "../../src/sandbox/drivers/microvm/set-up.ts";
import { debianKernel } from "../fixtures/debian-kernel.ts";
import { whyNoMachine } from "../fixtures/debian-machine.ts";

const QEMU = "/usr/bin/qemu-system-x86_64";
const FOLDERS = "/usr/sbin:/usr/bin:/sbin:/bin";

suite("QEMU", { skip: whyNoMachine() ?? false }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), "whiskers-qemu-"));
  // For the users that monitors run as.
  chmodSync(folder, 0o755);
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const setUpWith = async (options: Pick<MicrovmOptions, "monitor" | "searchPath">): Promise<SetUp> =>
    setUp({
      stateDirectory: path.join(folder, "state"),
      sdkFolder: path.resolve(import.meta.dirname, "../../sdk"),
      diskImage,
      kernel: await debianKernel(),
      ...options,
    });

  test("the first on the PATH is used, in namespaces also where it is a link from elsewhere", async () => {
    const links = path.join(folder, "links");
    mkdirSync(links);
    symlinkSync(QEMU, path.join(links, "qemu-system-x86_64"));
    const found = await setUpWith({ monitor: "qemu", searchPath: `${links}:${FOLDERS}` });
    assert.ok(found.available);
    const { monitor, advice } = found.host;
    assert.match(monitor.confinedBy, /bubblewrap/u);
    assert.ok(monitor.saves);
    assert.doesNotMatch(advice.join("\n"), /No such file/u);
    const inForce = found.host.protections.filter(({ by }) => by !== null).map(({ name }) => name);
    assert.ok(inForce.includes("seccomp"), inForce.join(", "));
  });

  test("one that does not work in namespaces works without, which is said, and why", async () => {
    const scripts = path.join(folder, "scripts");
    mkdirSync(scripts);
    const script = path.join(scripts, "qemu-system-x86_64");
    writeFileSync(script, `#!/bin/sh\nexec ${QEMU} "$@"\n`, { mode: 0o755 });
    const found = await setUpWith({ monitor: "qemu", searchPath: `${scripts}:${FOLDERS}` });
    assert.ok(found.available);
    const { monitor, advice } = found.host;
    assert.ok(!monitor.saves);
    const tried = `tried before it: ${monitor.version}: `;
    assert.ok(
      advice.some((one) => one.startsWith(tried) && one.includes(`failed to execute ${script}`)),
      advice.join("\n"),
    );
    assert.ok(
      advice.some((one) => one.endsWith("it did not work in those of bubblewrap, as is said above")),
      advice.join("\n"),
    );
  });

  test("where there is none, it is named with what to install", async () => {
    const found = await setUpWith({ monitor: "qemu", searchPath: folder });
    assert.ok(!found.available);
    assert.equal(found.reason, "there is no qemu-system-x86_64 on the PATH");
    assert.match(found.remedy, /apt-get install qemu-system-x86/u);
  });

  test(
    "qemu-kvm never emulates: it runs machines by KVM, or says why it cannot",
    { timeout: 240_000 },
    async (t) => {
      const found = await setUpWith({ monitor: "qemu-kvm" });
      if (found.available) {
        assert.match(found.host.version, /^QEMU \S+ \(KVM\), /u);
        assert.ok(found.host.monitor.hardware);
        return;
      }
      t.diagnostic(found.reason);
      assert.doesNotMatch(found.reason, /TCG/u);
      if (existsSync("/dev/kvm")) assert.match(found.reason, /^QEMU \S+ \(KVM\): /u);
      else assert.equal(found.reason, "there is no /dev/kvm");
    },
  );
});
