import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { suite, test } from "node:test";

import { readSettings, SETTINGS } from "./settings.ts";

suite("readSettings", () => {
  test("defaults", () => {
    assert.deepEqual(readSettings({}), {
      home: `${homedir()}/.local/state/whiskers`,
      runtime: "auto",
      state: "auto",
      subprocess: "auto",
      runtimes: {},
      ociRuntime: "auto",
      roots: "auto",
      dockerHost: null,
      dockerRuntime: null,
      microvmKernel: null,
      microvmMonitor: "auto",
      firecracker: null,
      python: null,
    });
    assert.equal(readSettings({ DOCKER_HOST: "unix:///a.sock" }).dockerHost, "unix:///a.sock");
    assert.equal(readSettings({ XDG_STATE_HOME: "/state" }).home, "/state/whiskers");
    assert.equal(readSettings({ XDG_STATE_HOME: "relative" }).home, `${homedir()}/.local/state/whiskers`);
    assert.equal(readSettings({ WHISKERS_STATE: "" }).state, "auto");
  });

  test("takes what is set", () => {
    assert.deepEqual(
      readSettings({
        WHISKERS_HOME: "/a/../b",
        WHISKERS_RUNTIME: "inline",
        WHISKERS_RUNTIMES: "dns=oci:runsc, shodan.io=own-kernel",
        WHISKERS_STATE: "fork",
        WHISKERS_SUBPROCESS: "util-linux",
        WHISKERS_OCI_RUNTIME: "runsc",
        WHISKERS_ROOTS: "required",
        DOCKER_HOST: "tcp://elsewhere:2375",
        WHISKERS_DOCKER_HOST: "unix:///run/engine.sock",
        WHISKERS_DOCKER_RUNTIME: "runsc",
        WHISKERS_MICROVM_KERNEL: "/boot/vmlinuz-1",
        WHISKERS_MICROVM_MONITOR: "qemu",
        WHISKERS_FIRECRACKER: "/opt/../opt/firecracker",
        WHISKERS_PYTHON: "/opt/python3",
      }),
      {
        home: "/b",
        runtime: "inline",
        runtimes: { dns: "oci:runsc", "shodan.io": "own-kernel" },
        state: "fork",
        subprocess: "util-linux",
        ociRuntime: "runsc",
        roots: "required",
        dockerHost: "unix:///run/engine.sock",
        dockerRuntime: "runsc",
        microvmKernel: "/boot/vmlinuz-1",
        microvmMonitor: "qemu",
        firecracker: "/opt/firecracker",
        python: "/opt/python3",
      },
    );
  });

  test("refuses what cannot be used, with name, value and what it may be", () => {
    const refused: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ WHISKERS_HOME: "here" }, /^WHISKERS_HOME is "here": expected an absolute path$/u],
      [{ WHISKERS_RUNTIME: "A b" }, /^WHISKERS_RUNTIME is "A b": expected the name/u],
      [{ WHISKERS_RUNTIME: "oci:" }, /^WHISKERS_RUNTIME is "oci:": expected the name/u],
      [{ WHISKERS_RUNTIMES: "dns" }, /^WHISKERS_RUNTIMES is "dns": expected ID=RUNTIME/u],
      [{ WHISKERS_RUNTIMES: "dns=oci=runc" }, /^WHISKERS_RUNTIMES is/u],
      [{ WHISKERS_RUNTIMES: "a b=oci" }, /^WHISKERS_RUNTIMES is/u],
      [{ WHISKERS_STATE: "frsh" }, /^WHISKERS_STATE is "frsh": expected auto, fresh, fork, reuse$/u],
      [
        { WHISKERS_SUBPROCESS: "docker" },
        /^WHISKERS_SUBPROCESS is "docker": expected auto, bubblewrap, util-linux$/u,
      ],
      [{ WHISKERS_DOCKER_HOST: "tcp://h:1" }, /^WHISKERS_DOCKER_HOST is "tcp:\/\/h:1": expected unix:\/\//u],
      [{ WHISKERS_DOCKER_HOST: `unix:///${"x".repeat(107)}` }, /^WHISKERS_DOCKER_HOST is/u],
      [{ WHISKERS_DOCKER_RUNTIME: "a/b" }, /^WHISKERS_DOCKER_RUNTIME is "a\/b": expected the name/u],
      [{ WHISKERS_PYTHON: "python3" }, /^WHISKERS_PYTHON is "python3": expected an absolute path$/u],
      [{ WHISKERS_STAT: "fresh" }, /no setting WHISKERS_STAT; did you mean "WHISKERS_STATE"/u],
    ];
    for (const [env, message] of refused) {
      assert.throws(() => readSettings(env), { code: "config-invalid", message });
    }
  });

  test("docs/cli.md lists every setting", () => {
    const text = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
    for (const { name } of Object.values(SETTINGS)) assert.ok(text.includes(`| \`${name}\` |`), name);
  });
});
