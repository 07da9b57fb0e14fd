/** `whiskers install`, `uninstall`, `catalogue`: a registry, a server's database, and a supervisor that is not restarted. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";

import { Client } from "pg";

import { COMPILE_CACHE } from "../fixtures/compile-cache.ts";
import { type RegistryServer, startDockerRegistry } from "../fixtures/docker-registry.ts";
import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, type PostgresServer, startPostgres } from "../fixtures/postgres-server.ts";
import { hostname, superviseWorld } from "../fixtures/supervise-world.ts";

const MAIN = resolve(import.meta.dirname, "../../src/cli/main.ts");
const PUPPET = resolve(import.meta.dirname, "../fixtures/normalizers/puppet");
const noRegistry =
  spawnSync("which", ["docker-registry"]).status === 0 ? null : "docker-registry is not installed";

describe("the catalogue", { timeout: 240_000, skip: noPostgres ?? noRegistry ?? false }, () => {
  let server: PostgresServer;
  let registry: RegistryServer;
  let folder = "";
  before(async () => {
    server = await startPostgres();
    registry = await startDockerRegistry();
    folder = mkdtempSync(join(tmpdir(), "whiskers-catalogue-"));
  });
  const here = superviseWorld(() => server.createDatabase());
  after(async () => {
    await registry[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  /** Another machine's: only the database and the registry are shared with the supervisor. */
  const whiskers = async (...args: readonly string[]): Promise<Ran> => {
    const env = {
      PATH: process.env["PATH"],
      HOME: folder,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      WHISKERS_HOME: join(folder, "home"),
      DATABASE_URL: here.databaseUrl ?? "",
    };
    const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let [out, err] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    const [status] = (await once(child, "close")) as [number | null];
    return { status, out, err };
  };
  const json = async <Document>(...args: readonly string[]): Promise<Document> => {
    const { status, out, err } = await whiskers(...args, "--json");
    assert.equal(status, 0, err);
    return JSON.parse(out) as Document;
  };
  /** Builds and pushes a puppet that marks what it gives; returns its reference. */
  const publish = async (repository: string, version: string): Promise<string> => {
    const source = join(folder, `source-${version}`);
    cpSync(PUPPET, source, { recursive: true });
    const edit = (name: string, from: string, to: string): void => {
      const text = readFileSync(join(source, name), "utf8");
      assert.ok(text.includes(from), name);
      writeFileSync(join(source, name), text.replace(from, to));
    };
    edit("normalizer.json", '"name":', `"version": "${version}",\n  "name":`);
    edit(
      "normalize.py",
      "    yield from todo",
      `    yield {"object_type": "Hostname", "network": "Network|internet", "name": "v${version}.example"}\n    yield from todo`,
    );
    const reference = `${registry.host}/${repository}:${version}`;
    for (const args of [
      ["build", source, "--base", "none", "-t", reference],
      ["push", reference],
    ]) {
      const { status, err } = await whiskers(...args);
      assert.equal(status, 0, err);
    }
    return reference;
  };
  const digestOfRun = async (id: string): Promise<string> => {
    const client = new Client({ connectionString: here.databaseUrl ?? "" });
    await client.connect();
    try {
      const { rows } = await client.query("select document from whiskers.run where task_id = $1", [id]);
      return JSON.stringify(rows);
    } finally {
      await client.end();
    }
  };

  test("what is installed runs without a restart, each run on the digest it began with", async () => {
    const env = { WHISKERS_NORMALIZERS: "" };
    await assert.rejects(here.start(env), /nothing is installed/u);

    const first = await publish("dns/puppet", "1");
    const installed = await json<{ readonly installed: readonly Shown[] }>("install", first);
    const pinned = installed.installed[0]?.pinned ?? "";
    assert.match(pinned, /^127\.0\.0\.1:\d+\/dns\/puppet@sha256:[0-9a-f]{64}$/u);
    const supervisor = await here.start(env);
    const long = here.add({ sleep: 6 });
    await eventually("it runs", () => here.status(long) === "running", 20_000);

    const second = await publish("dns/puppet", "2");
    const replaced = await json<{ readonly installed: readonly Shown[] }>("install", second);
    assert.equal(replaced.installed[0]?.replaced, pinned);
    const names: string[] = [];
    await eventually(
      "the new one runs",
      async () => {
        const id = here.add({ yield: [hostname("both.example")] });
        await here.final(id);
        names.push(...here.observed(id).map(String));
        if (!names.includes("Hostname|internet|v2.example")) return false;
        assert.ok((await digestOfRun(id)).includes(digestOf(replaced.installed[0]?.pinned)));
        return true;
      },
      30_000,
    );
    await here.final(long);
    assert.deepEqual(here.observed(long), ["Hostname|internet|v1.example"]);
    assert.ok((await digestOfRun(long)).includes(digestOf(pinned)));

    // An id is one repository's.
    const foreign = await publish("other/puppet", "3");
    const refused = await whiskers("install", foreign);
    assert.equal(refused.status, 2);
    assert.match(refused.err, /has the id puppet, which .*dns\/puppet:2 is installed as.*--replace/u);

    const { normalizers } = await json<{ readonly normalizers: readonly Row[] }>("catalogue");
    assert.deepEqual(
      normalizers.map(({ id, version, origin, reference, trouble }) => ({
        id,
        version,
        origin,
        reference,
        trouble,
      })),
      [{ id: "puppet", version: "2", origin: "installed", reference: second, trouble: null }],
    );
    const { status, out, err } = await whiskers("uninstall", "puppet");
    assert.equal(status, 0, err);
    assert.match(out, /uninstalled/u);
    await eventually(
      "it is noticed",
      () =>
        supervisor.log.some(({ msg, normalizer }) => msg === "normalizer removed" && normalizer === "puppet"),
      20_000,
    );
    assert.equal((await whiskers("uninstall", "puppett")).status, 2);
  });

  test("what cannot be had is told, and stops nobody; what the settings name goes before what is installed", async () => {
    const reference = await publish("dns/puppet", "4");
    await json("install", reference);
    const client = new Client({ connectionString: here.databaseUrl ?? "" });
    await client.connect();
    const nowhere = `127.0.0.1:1/nobody/gone@sha256:${"0".repeat(64)}`;
    await client.query(
      `insert into whiskers.installed (normalizer, reference, pinned, name, installed_by)
       values ('gone', '127.0.0.1:1/nobody/gone:1', $1, 'Gone', 'test')`,
      [nowhere],
    );
    const supervisor = await here.start();
    const id = here.add({ yield: [hostname("lives.example")] });
    await here.final(id);
    assert.deepEqual(here.observed(id), ["Hostname|internet|lives.example"]);
    const { normalizers } = await json<{ readonly normalizers: readonly Row[] }>("catalogue");
    const trouble = (wanted: string): string | undefined =>
      normalizers.find((row) => row.id === wanted)?.trouble?.reason;
    assert.match(trouble("gone") ?? "", /127\.0\.0\.1:1/u);
    assert.match(trouble("puppet") ?? "", /both have the id puppet/u);
    assert.ok(supervisor.log.some(({ msg }) => msg === "package not refreshed"));
    const metrics = await (await fetch(`${supervisor.operationsUrl()}/metrics`)).text();
    assert.match(metrics, /^whiskers_normalizers 1$/mu);
    assert.match(metrics, /^whiskers_package_troubles 2$/mu);
    await client.query("delete from whiskers.installed");
    await client.end();
  });
});

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

interface Shown {
  readonly pinned: string;
  readonly replaced: string | null;
}

interface Row {
  readonly id: string;
  readonly version: string | null;
  readonly origin: string;
  readonly reference: string;
  readonly trouble: { readonly reason: string } | null;
}

function digestOf(pinned: string | undefined): string {
  return pinned?.split("@", 2)[1] ?? assert.fail("nothing is pinned");
}
