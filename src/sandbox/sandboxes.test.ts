import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";

import { DEFAULT_LIMITS } from "../domain/limits.ts";
import type { Driver, Probe } from "./driver.ts";
import { openSandboxes } from "./sandboxes.ts";
import type { RunOptions } from "./sandboxes.ts";
import { CollectingSink, META, openRig, plainGuest, pythonGuest } from "./testing/rig.ts";
import type { Rig } from "./testing/rig.ts";

const NEVER = new AbortController().signal;
const answering = (ready: string): ReturnType<typeof pythonGuest> =>
  pythonGuest(`
${ready}
while True:
    run, raw = take()
    write(frame(RECORDS, run, b"1\\n") + frame(DONE, run, {}) + frame(READY, 0, b"{}"))
`);
const FORKS = answering("ready()");
const DOES_NOT_FORK = answering(`send(READY, 0, {"protocols": [1]})`);

function open(rig: Rig, ...drivers: readonly Driver[]) {
  const sandboxes = openSandboxes({ drivers });
  return {
    sandboxes,
    run: (pkg: typeof FORKS, options: Parameters<typeof sandboxes.run>[1] = {}) =>
      sandboxes.run(pkg, options, { meta: META, raws: [rig.raw("x")] }, new CollectingSink(), NEVER),
    [Symbol.asyncDispose]: () => sandboxes.close(),
  };
}

void test("auto takes the first runtime that isolates, works and can start the guest", async () => {
  await using rig = openRig();
  const base = rig.driver;
  const capabilities = base.capabilities;
  const trusting: Driver = { ...base, name: "trusting", capabilities: { ...capabilities, isolates: false } };
  const picky: Driver = { ...base, name: "picky", capabilities: { ...capabilities, guests: ["command"] } };
  const probe = () => Promise.resolve({ available: false, reason: "no kernel", remedy: "Get one." } as const);
  const broken: Driver = { ...base, name: "broken", probe };
  await using all = open(rig, trusting, picky, broken, base);
  assert.equal((await all.run(FORKS)).outcome.status, "succeeded");
  assert.equal(rig.driver.opened.length, 1);
  assert.equal((await all.run(FORKS, { runtime: "trusting" })).outcome.status, "succeeded");
  await assert.rejects(all.run(FORKS, { runtime: "picky" }), { code: "runtime-unavailable" });
  await assert.rejects(all.run(FORKS, { runtime: "broken" }), /no kernel. Get one/);
  await assert.rejects(all.run(FORKS, { runtime: "nosuch" }), { code: "usage" });
  const rooted = { ...FORKS, root: { name: "python:3.11", digest: "sha256:0", folder: "/nonexistent" } };
  await assert.rejects(all.run(rooted), /on the root python:3.11/);
  await assert.rejects(all.run(rooted, { runtime: "trusting" }), /cannot run a package on a root/);
  const roomy: Driver = { ...base, name: "roomy", capabilities: { ...capabilities, roots: true } };
  await using withRoots = open(rig, base, roomy);
  assert.equal((await withRoots.run(rooted)).outcome.status, "succeeded");
  await using few = open(rig, trusting, picky, broken);
  await assert.rejects(few.run(FORKS), { code: "runtime-unavailable", message: /broken: no kernel/ });
});

void test("a package may ask for a stronger runtime than the operator's, and never gets a weaker one", async () => {
  await using rig = openRig();
  const { driver: base } = rig;
  const used: string[] = [];
  const make = (name: string, strength: object, ...down: readonly Probe[]): Driver => ({
    ...base,
    name,
    capabilities: { ...base.capabilities, ...strength },
    probe: () => Promise.resolve(down[0] ?? WORKS),
    open: (prepared, request) => {
      used.push(name);
      return base.open(prepared, request);
    },
  });
  const drivers = [make("plain", {}), make("strong", { ownKernel: true }), make("open", { isolates: false })];
  const variants: Readonly<Record<string, Driver>> = {
    "plain:b": make("plain:b", {}),
    "strong:b": make("strong:b", { ownKernel: true }),
    "strong:down": make("strong:down", { ownKernel: true }, DOWN),
  };
  const sandboxes = openSandboxes({ drivers, openVariant: (one, way) => variants[`${one}:${way}`] ?? null });
  const wishing = (runtime: string | null) => ({ ...FORKS, manifest: { ...FORKS.manifest, runtime } });
  const run = async (wish: string | null, options: RunOptions) => {
    used.length = 0;
    const request = { meta: META, raws: [rig.raw("x")] };
    await sandboxes.run(wishing(wish), { state: "fresh", ...options }, request, new CollectingSink(), NEVER);
    return used.join(" ");
  };
  const { id } = FORKS.manifest;
  const rows: readonly (readonly [wish: string | null, options: RunOptions, runsIn: string])[] = [
    [null, {}, "plain"],
    [null, { runtime: "strongest" }, "strong"],
    [null, { runtime: "own-kernel" }, "strong"],
    [null, { runtime: "strong:b" }, "strong:b"],
    ["own-kernel", {}, "strong"],
    ["strongest", {}, "strong"],
    ["plain:b", {}, "plain:b"],
    ["plain:b", { runtime: "plain" }, "plain"],
    ["plain:b", { runtime: "strong" }, "strong"],
    ["strong:b", { runtime: "strong" }, "strong"],
    ["strong:b", { runtime: "plain" }, "strong:b"],
    ["strong:down", { runtime: "strong" }, "strong"],
    ["open", {}, "plain"],
    ["plain", { runtime: "open" }, "plain"],
    ["strong", { runtime: "plain", runtimes: { [id]: "plain:b", other: "open" } }, "plain:b"],
    [null, { runtimes: { [id]: "own-kernel" } }, "strong"],
  ];
  for (const [wish, options, runsIn] of rows)
    assert.equal(await run(wish, options), runsIn, JSON.stringify([wish, options]));
  const message = new RegExp(
    `${id} wants the runtime .strong:down.*no kernel.*WHISKERS_RUNTIMES=${id}=auto`,
    "u",
  );
  await assert.rejects(run("strong:down", {}), { code: "runtime-unavailable", message });
  await assert.rejects(run("nosuch:thing", {}), { code: "runtime-unavailable" });
  await assert.rejects(run(null, { runtime: "plain:nosuch" }), { code: "usage" });
  await sandboxes.close();
  const weak = openSandboxes({ drivers: [make("plain", {})] });
  const request = { meta: META, raws: [rig.raw("x")] };
  const ask = (runtime: string) =>
    weak.run(FORKS, { runtime, state: "fresh" }, request, new CollectingSink(), NEVER);
  await assert.rejects(ask("own-kernel"), {
    code: "runtime-unavailable",
    message: /no runtime that has a kernel/u,
  });
  assert.equal((await ask("strongest")).outcome.status, "succeeded");
  await weak.close();
});

const WORKS: Probe = { available: true, version: "1", protections: [], advice: [] };
const DOWN: Probe = { available: false, reason: "no kernel", remedy: "Get one." };

void test("the state policy is the strongest that driver and guest can do, or the one asked for", async () => {
  await using rig = openRig();
  await using all = open(rig, rig.driver);
  assert.equal((await all.run(FORKS)).state, "fork");
  assert.equal((await all.run(FORKS, { state: "fresh" })).state, "fresh");
  assert.equal((await all.run(plainGuest("true"))).state, "fresh");
  const openedBefore = rig.driver.opened.length;
  assert.equal(await all.sandboxes.warm(DOES_NOT_FORK, {}, 1, NEVER), 0);
  assert.equal((await all.run(DOES_NOT_FORK)).state, "reuse");
  assert.equal((await all.run(DOES_NOT_FORK)).state, "reuse");
  assert.equal(rig.driver.opened.length, openedBefore + 3);
  const unsupported = { code: "state-unsupported" };
  await assert.rejects(all.run(DOES_NOT_FORK, { state: "fork" }), unsupported);
  await assert.rejects(all.run(plainGuest("true"), { state: "reuse" }), unsupported);
  const forkless: Driver = { ...rig.driver, capabilities: { ...rig.driver.capabilities, fork: false } };
  await using reusing = open(rig, forkless);
  assert.equal((await reusing.run(FORKS)).state, "reuse");
  await assert.rejects(reusing.run(FORKS, { state: "fork" }), unsupported);
});

void test("limits: the caller's go before the package's, those before the defaults", async () => {
  await using rig = openRig();
  await using all = open(rig, rig.driver);
  const pkg = { ...FORKS, manifest: { ...FORKS.manifest, limits: { wallMs: 5000, records: 5 } } };
  const { limits } = await all.run(pkg, { limits: { wallMs: 6000, records: undefined } as object });
  assert.deepEqual(limits, { ...DEFAULT_LIMITS, wallMs: 6000, records: 5 });
});

void test("sandboxes opened ahead are used by the runs that follow", async () => {
  await using rig = openRig();
  await using all = open(rig, rig.driver);
  assert.equal(await all.sandboxes.warm(FORKS, {}, 2, NEVER), 2);
  assert.equal(await all.sandboxes.warm(FORKS, {}, 2, NEVER), 2);
  assert.equal((await all.run(FORKS)).timingsMs.open, 0);
  assert.equal(rig.driver.opened.length, 2);
  assert.equal(all.sandboxes.idle.count, 2);
  await all.sandboxes.close();
  assert.equal(rig.driver.livingIds.size, 0);
});

void test("what did not work when it was tried first is tried again, and not for every run", async () => {
  await using rig = openRig();
  let tried = 0;
  let answer: Probe = DOWN;
  const late: Driver = {
    ...rig.driver,
    name: "late",
    probe: () => {
      tried += 1;
      return Promise.resolve(answer);
    },
  };
  const request = { meta: META, raws: [rig.raw("x")] };
  for (const runtime of ["late", "auto"]) {
    for (const [probeAgainMs, works] of [
      [0, true],
      [undefined, false],
    ] as const) {
      tried = 0;
      answer = DOWN;
      const sandboxes = openSandboxes({
        drivers: [late],
        ...(probeAgainMs === undefined ? {} : { probeAgainMs }),
      });
      const run = () => sandboxes.run(FORKS, { runtime }, request, new CollectingSink(), NEVER);
      await assert.rejects(run(), { code: "runtime-unavailable" });
      answer = WORKS;
      const runs = (): Promise<boolean> =>
        run().then(
          ({ outcome }) => outcome.status === "succeeded",
          () => false,
        );
      let succeeded = false;
      for (let tries = 0; tries < 1000 && !succeeded; tries += 1) {
        succeeded = await runs();
        await turn();
      }
      assert.equal(succeeded, works);
      const once = tried;
      await run().catch(() => {});
      assert.equal(tried, once, "what is known is not tried again");
      await sandboxes.close();
    }
  }
});
