/** An engine that sees other files than we: what is sent to it, when, and what becomes of it. */
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";

import { DEFAULT_LIMITS } from "../../src/domain/limits.ts";
import type { Package, Root } from "../../src/domain/package.ts";
import type { Driver, Sandbox } from "../../src/sandbox/driver.ts";
import { createDockerDriver } from "../../src/sandbox/drivers/docker/create-docker-driver.ts";
import { Engine } from "../../src/sandbox/drivers/docker/engine.ts";
import { EngineImages } from "../../src/sandbox/drivers/docker/engine-images.ts";
import { baseRoot, ROOTS_HOME } from "../fixtures/base-root.ts";
import { commandPackage } from "../fixtures/command-package.ts";
import { startDockerEngine, whyNoDockerEngine } from "../fixtures/docker-engine.ts";
import type { DockerEngine } from "../fixtures/docker-engine.ts";

const MiB = 1024 * 1024;
const CHECKOUT = path.resolve(import.meta.dirname, "../..");

describe("an engine that sees other files", { skip: whyNoDockerEngine(), timeout: 240_000 }, () => {
  let folder: string;
  let engine: DockerEngine;
  let docker: Engine;
  let wire: Wire;
  let root: Root;
  const newDriver = (): Driver =>
    createDockerDriver({
      stateDirectory: path.join(folder, "state"),
      sdkFolder: path.join(CHECKOUT, "sdk"),
      host: `unix://${wire.socket}`,
    });
  const packageNamed = (name: string): Package => {
    const code = path.join(folder, name);
    mkdirSync(code, { recursive: true });
    writeFileSync(path.join(code, "word"), name);
    return { ...commandPackage(code, ["cat", "word"]), digest: `sha256:${name}`, root };
  };
  const open = async (driver: Driver, pkg: Package): Promise<Sandbox> => {
    const files = [{ name: "meta.json", content: Buffer.from("{}") }];
    const prepared = await driver.prepare(pkg);
    return driver.open(prepared, { limits: DEFAULT_LIMITS, state: "fresh", files });
  };
  const says = async (driver: Driver, name: string): Promise<string> => {
    const sandbox = await open(driver, packageNamed(name));
    sandbox.errors.resume();
    let said = "";
    sandbox.output.setEncoding("utf8").on("data", (text: string) => (said += text));
    await sandbox.ended;
    await sandbox.close();
    return said;
  };
  const list = async (what: "images" | "volumes"): Promise<readonly unknown[]> => {
    const found = await docker.ask("GET", what === "images" ? "/images/json" : "/volumes");
    return what === "images"
      ? (found as readonly unknown[])
      : ((found as { readonly Volumes: readonly unknown[] | null }).Volumes ?? []);
  };

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "whiskers-other-"));
    root = await baseRoot("python:3.11");
    engine = await startDockerEngine({ hides: [folder, CHECKOUT, ROOTS_HOME] });
    docker = new Engine(engine.socket);
    wire = await openWire(engine);
  });
  after(async () => {
    wire.close();
    await docker.close();
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("gets a root once, then packages alone, and nothing that it has", async () => {
    const driver = newDriver();
    assert.equal(await says(driver, "one"), "one");
    assert.ok(wire.sentBytes > 10 * MiB, "it got the root");
    wire.sentBytes = 0;
    assert.equal(await says(driver, "two"), "two");
    assert.ok(wire.sentBytes < MiB / 4, `${wire.sentBytes} bytes were sent for a package on the same root`);
    wire.sentBytes = 0;
    assert.equal(await says(newDriver(), "one"), "one");
    assert.ok(wire.sentBytes < MiB / 16, `${wire.sentBytes} bytes were sent for what it has`);
    assert.deepEqual(await list("volumes"), [], "nothing is left of the files of a run");
  });

  it("gets an image again that somebody has removed, and a root", async () => {
    const driver = newDriver();
    await says(driver, "one");
    for (const { Id: id } of (await list("images")) as { Id: string }[])
      await docker.ask("DELETE", `/images/${id}`, { query: { force: "1" } });
    assert.equal(await says(driver, "one"), "one");
  });

  it("runs nothing on the programs of a machine that it does not see", async () => {
    const driver = newDriver();
    const probe = await driver.probe();
    assert.ok(
      probe.available && probe.advice?.some((line) => /does not see this machine's files/u.test(line)),
    );
    assert.equal(driver.capabilities.needsRoot, true);
    await assert.rejects(driver.prepare({ ...packageNamed("three"), root: null }), {
      code: "environment-missing",
      message: /does not see this machine's files.*whiskers root make/u,
    });
  });

  it("loses the images that nobody used for long, but for those of containers", async () => {
    const driver = newDriver();
    const sandbox = await open(driver, { ...packageNamed("used"), ...waiting("used") });
    await says(driver, "unused");
    const records = path.join(folder, "state/engine-images");
    for (const record of readdirSync(records, { recursive: true, encoding: "utf8" }))
      if (record.endsWith(".json")) utimesSync(path.join(records, record), 0, 0);
    assert.ok((await list("images")).length > 4);
    await newDriver().probe();
    // The container's, the probe's, and one that the probe tries folders of this machine with.
    assert.equal((await list("images")).length, 3);
    await sandbox.close();
  });

  it("is sent what is large without it being held here", async () => {
    const source = path.join(folder, "large");
    writeFileSync(source, "");
    truncateSync(source, 256 * MiB);
    let names = 0;
    const images = new EngineImages({
      engine: docker,
      stateDirectory: path.join(folder, "state"),
      engineId: "test",
      nextName: () => `whiskers-large-${(names += 1)}`,
    });
    const entry = { kind: "copy", path: "large", mode: 0o644, source, sizeBytes: 256 * MiB } as const;
    const layer = { name: "large", description: "large", entries: () => [entry] };
    const [atFirst, watched] = [process.memoryUsage.rss(), watchMemory()];
    await images.provide([layer], { looked: true, passing: true });
    const grownBytes = watched() - atFirst;
    assert.ok(grownBytes < 128 * MiB, `it took ${Math.round(grownBytes / MiB)} MiB`);
  });

  function waiting(name: string): Package {
    return { ...commandPackage(path.join(folder, name), ["sleep", "4713"]), digest: "sha256:waits", root };
  }
});

/** @returns tells the highest since */
function watchMemory(): () => number {
  let highest = 0;
  const timer = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 20);
  timer.unref();
  return () => {
    clearInterval(timer);
    return highest;
  };
}

interface Wire {
  readonly socket: string;
  /** By us to the engine. */
  sentBytes: number;
  close(): void;
}

/** What goes to an engine, counted. */
async function openWire(engine: DockerEngine): Promise<Wire> {
  const socket = path.join(engine.folder, "wire.sock");
  const server = createServer({ allowHalfOpen: true }, (ours) => {
    const theirs = createConnection({ path: engine.socket, allowHalfOpen: true });
    ours.on("data", (chunk: Buffer) => (wire.sentBytes += chunk.length));
    ours.pipe(theirs).pipe(ours);
    for (const one of [ours, theirs])
      one.on("error", () => ours.destroy(theirs.destroy().errored ?? undefined));
  });
  const wire: Wire = { socket, sentBytes: 0, close: () => server.close() };
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return wire;
}
