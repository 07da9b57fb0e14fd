import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, suite, test } from "node:test";

import { octopoesSteps, undeliverable } from "../../src/delivery/octopoes.ts";
import type { NormalizerMeta } from "../../src/domain/meta.ts";
import type { Records } from "../../src/domain/record.ts";
import { WhiskersError } from "../../src/errors.ts";
import { type HttpService, openHttpService } from "../../src/http/http-service.ts";
import { type Mula, openMula } from "../../src/intake/mula.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { type Bytes, openBytes } from "../../src/raw/bytes.ts";

const NEVER = new AbortController().signal;
const ENDED = "2026-01-02T03:04:05.500000Z";
const EMPTY: Records = {
  objects: [],
  declarations: [],
  affirmations: [],
  scanProfiles: [],
  raws: [],
  rejections: [],
  rejectionsDropped: 0,
  recordsRejected: 0,
  sha256: "",
};

/** The clients against the mock, which refuses what the real services refuse. */
suite("OpenKAT's services", () => {
  let mock: MockOpenKat;
  let mulaService: HttpService;
  let bytesService: HttpService;
  let octopoes: HttpService;
  let mula: Mula;
  let bytes: Bytes;
  let folder = "";

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "whiskers-services-"));
    mock = await startMockOpenKat({
      slowMs: 5,
      check: (object) => ({ key: `Network|${String(object["name"])}` }),
    });
    const open = (name: string, baseUrl: string): HttpService =>
      openHttpService({ name, baseUrl, timeoutMs: 2000 });
    mulaService = open("Mula", mock.urls.mula);
    bytesService = open("Bytes", mock.urls.bytes);
    octopoes = open("Octopoes", mock.urls.octopoes);
    mula = openMula(mulaService);
    bytes = openBytes(bytesService, { username: "bytes", password: "bytes" });
    mock.graphs.get("org")?.declare("Network|in", { object_type: "Network", name: "in" });
  });
  afterEach(() => mock.clearFaults());
  after(async () => {
    await Promise.all([mulaService.close(), bytesService.close(), octopoes.close()]);
    await mock.close();
    rmSync(folder, { recursive: true });
  });

  suite("Mula", () => {
    test("§1.2 §1.4 §10.15 §10.30 pops only what we have normalizers for, with times that hold a space made ISO", async () => {
      const mine = pushTask("mine", { ended_at: "2026-01-02 03:04:05.500000+00:00" });
      pushTask("other");
      const popped = await mula.pop(["mine", "also-mine"], 10, NEVER);
      assert.deepEqual(
        popped.tasks.map((task) => task.id),
        [mine],
      );
      assert.equal(popped.tasks[0]?.boefjeMeta.ended_at, "2026-01-02T03:04:05.500000+00:00");
      assert.deepEqual(popped.tasks[0]?.mimeTypes, ["boefje/b"]);
    });

    test("§1.4 §10.23 no normalizers: nothing is asked, for an empty list would be answered with a slow 500", async () => {
      assert.deepEqual(await mula.pop([], 10, NEVER), { tasks: [], malformed: [] });
    });

    test("§1.2 a task that lacks what it needs is named, and the others are kept", async () => {
      const broken = pushTask("broken", { ended_at: null });
      const good = pushTask("broken");
      const popped = await mula.pop(["broken"], 10, NEVER);
      assert.deepEqual(
        popped.tasks.map((task) => task.id),
        [good],
      );
      assert.deepEqual(popped.malformed, [
        { id: broken, reason: "its `data.raw_data.boefje_meta.ended_at` is missing" },
      ]);
    });

    test("§1.6 §1.9 §10.2 hands a task back by PATCH to queued, and finds what was dispatched long ago", async () => {
      const id = pushTask("lost");
      await mula.pop(["lost"], 1, NEVER);
      const soon = new Date(Date.now() + 60_000).toISOString();
      assert.deepEqual(await mula.listOlder(["lost"], "dispatched", soon, NEVER), [id]);
      assert.deepEqual(await mula.listOlder(["lost"], "dispatched", "2020-01-01T00:00:00Z", NEVER), []);
      await mula.setStatus(id, "queued", NEVER);
      assert.equal(await mula.status(id, NEVER), "queued");
      assert.deepEqual(
        (await mula.pop(["lost"], 1, NEVER)).tasks.map((task) => task.id),
        [id],
      );
    });

    test("§1.7 a list of more than one page is read to its end, though the last page may be empty", async () => {
      for (let n = 0; n < 200; n += 1) pushTask("paged");
      await mula.pop(["paged"], 200, NEVER);
      const soon = new Date(Date.now() + 60_000).toISOString();
      assert.equal((await mula.listOlder(["paged"], "dispatched", soon, NEVER)).length, 200);
    });

    test("§1.6 §1.7 an unknown task has no status, and setting one is refused", async () => {
      assert.equal(await mula.status(randomUUID(), NEVER), null);
      await assert.rejects(mula.setStatus(randomUUID(), "failed", NEVER), code("upstream-refused"));
    });
  });

  test("§1.3 an empty answer, also a bare null, is no task; anything else is no answer of the scheduler's", async () => {
    const answers = ['{"results": []}', "null", '{"tasks": []}', '"x"'];
    const server = createServer((_request, response) => response.end(answers.shift()));
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as AddressInfo;
    const service = openHttpService({ name: "Mula", baseUrl: `http://127.0.0.1:${port}`, timeoutMs: 2000 });
    const odd = openMula(service);
    assert.deepEqual(await odd.pop(["n"], 1, NEVER), { tasks: [], malformed: [] });
    assert.deepEqual(await odd.pop(["n"], 1, NEVER), { tasks: [], malformed: [] });
    await assert.rejects(odd.pop(["n"], 1, NEVER), code("upstream-unavailable"));
    await assert.rejects(odd.pop(["n"], 1, NEVER), code("upstream-unavailable"));
    await service.close();
    server.close();
  });

  suite("Bytes", () => {
    test("§2.1 one login serves many calls: each costs the server two rounds of hashing", async () => {
      mock.addFault("bytes", { match: "POST /token", kind: "latency", ms: 1 });
      const other = openBytes(bytesService, { username: "bytes", password: "bytes" });
      await Promise.all([1, 2, 3].map(() => other.listRaws({ limit: 1 }, NEVER)));
      await other.listRaws({ limit: 1 }, NEVER);
      assert.equal(mock.faultHits("bytes")[0]?.hits, 1);
    });

    test("§2.2 a raw file whose file is gone is a plain 500, and may come back; an unknown one is refused", async () => {
      const { rawId } = addRaw(Buffer.from("x"));
      mock.addFault("bytes", { match: "GET /bytes/raw/", kind: "error", times: 1 });
      const download = (id: string): Promise<unknown> =>
        bytes.download(
          { rawId: id, path: join(folder, randomUUID()), maxBytes: 10, secureHash: null },
          NEVER,
        );
      await assert.rejects(download(rawId), code("upstream-unavailable"));
      await assert.rejects(download(randomUUID()), code("upstream-refused"));
    });

    test("§2.3 a normalizer meta is posted with a whole boefje_meta, and read back from what is stored", async () => {
      const { rawId, boefjeMetaId } = addRaw(Buffer.from("x"));
      const meta = metaOf({ rawId, boefjeMetaId });
      await bytes.saveNormalizerMeta(meta, NEVER);
      const stored = mock.raws.normalizerMetas.get(meta.id);
      assert.deepEqual([stored?.rawId, stored?.normalizer], [rawId, { id: "n", version: null }]);
    });

    test("§2.2 §10.14 streams a raw file to a file, with its hash", async () => {
      const content = Buffer.alloc(3_000_000, "whiskers");
      const { rawId } = addRaw(content);
      const path = join(folder, rawId);
      const got = await bytes.download({ rawId, path, maxBytes: 1e9, secureHash: null }, NEVER);
      assert.deepEqual(got, { sizeBytes: content.length, sha256: sha256(content), content: null });
      assert.ok(readFileSync(path).equals(content));
    });

    test("§2.2 a small one stays in memory, and one byte more goes to a file whole", async () => {
      const small = Buffer.alloc(100_000, "small");
      for (const content of [Buffer.alloc(0), small, Buffer.concat([small, Buffer.from("+")])]) {
        const { rawId } = addRaw(content);
        const path = join(folder, rawId);
        const order = { rawId, path, inMemoryBytes: small.length, maxBytes: 1e9, secureHash: null };
        const got = await bytes.download(order, NEVER);
        assert.equal(got.sha256, sha256(content));
        const fits = content.length <= small.length;
        assert.equal(existsSync(path), !fits);
        assert.ok((fits ? got.content : readFileSync(path))?.equals(content));
      }
    });

    test("§2.4 checks the hash that Bytes made", async () => {
      const { rawId } = addRaw(Buffer.from("x"));
      const [meta] = await bytes.listRaws({ rawIds: [rawId], limit: 1 }, NEVER);
      const value = meta?.secure_hash ?? "";
      const download = (hash: string): Promise<unknown> => {
        const secureHash = { value: hash, boefjeEndedAt: ENDED };
        return bytes.download({ rawId, path: join(folder, randomUUID()), maxBytes: 10, secureHash }, NEVER);
      };
      await download(value);
      await assert.rejects(
        download(value.replace(/.$/u, (c) => (c === "0" ? "1" : "0"))),
        code("input-unreadable"),
      );
    });

    test("§2.4 §10.14 one that is too long or never ends is refused, and leaves no file", async () => {
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        for (;;) yield await Promise.resolve(Buffer.alloc(65_536));
      };
      for (const content of [Buffer.alloc(2_000_000), endless]) {
        const { rawId } = addRaw(content);
        const path = join(folder, rawId);
        await assert.rejects(
          bytes.download({ rawId, path, maxBytes: 1_000_000, secureHash: null }, NEVER),
          code("input-unreadable"),
        );
        assert.ok(!readdirSync(folder).includes(rawId));
      }
    });

    test("§2.4 a body cut short is an upstream failure, not a short raw file", async () => {
      const { rawId } = addRaw(Buffer.alloc(100_000));
      mock.addFault("bytes", { match: "/bytes/raw/", kind: "truncate", times: 1 });
      const download = { rawId, path: join(folder, rawId), maxBytes: 1e9, secureHash: null };
      await assert.rejects(bytes.download(download, NEVER), code("upstream-unavailable"));
      assert.equal((await bytes.download(download, NEVER)).sizeBytes, 100_000);
    });

    test("§2.1 a 401 in mid-run is answered by one new login, for all who wait", async () => {
      const { rawId } = addRaw(Buffer.from("x"));
      mock.addFault("bytes", { match: "GET /bytes/raw/", kind: "unauthorized", times: 3 });
      const downloads = Array.from({ length: 3 }, () =>
        bytes.download({ rawId, path: join(folder, randomUUID()), maxBytes: 10, secureHash: null }, NEVER),
      );
      assert.equal((await Promise.all(downloads)).length, 3);
    });

    test("§2.1 wrong credentials are the operator's to correct", async () => {
      const wrong = openBytes(bytesService, { username: "bytes", password: "wrong" });
      await assert.rejects(wrong.listRaws({ limit: 1 }, NEVER), code("upstream-credentials"));
    });

    test("§2.2 §10.9 saving a normalizer meta that an earlier try has saved succeeds; of an unknown raw it is refused", async () => {
      const { rawId, boefjeMetaId } = addRaw(Buffer.from("x"));
      const meta = metaOf({ rawId, boefjeMetaId });
      mock.addFault("bytes", { match: "normalizer_meta$", kind: "reset", when: "after", times: 1 });
      await assert.rejects(bytes.saveNormalizerMeta(meta, NEVER), code("upstream-unavailable"));
      await bytes.saveNormalizerMeta(meta, NEVER);
      const unknown = metaOf({ rawId: randomUUID(), boefjeMetaId });
      await assert.rejects(bytes.saveNormalizerMeta(unknown, NEVER), code("upstream-refused"));
    });

    test("§2.3 saves derived raws under the boefje's run", async () => {
      const { boefjeMetaId } = addRaw(Buffer.from("x"));
      const raws = [{ mime_types: ["text/html"], content: Buffer.from([0, 255]) }];
      const [id] = await bytes.saveRaws(boefjeMetaId, raws, NEVER);
      assert.deepEqual(
        Buffer.from(mock.raws.raws.get(id ?? "")?.content as Uint8Array),
        Buffer.from([0, 255]),
      );
    });
  });

  suite("Octopoes", () => {
    const network = (name: string): Records["objects"][number] => ({
      object_type: "Network",
      primary_key: `Network|${name}`,
      name,
    });
    const deliver = async (
      records: Partial<Records>,
      whitelist = {},
      normalizerId = "n",
    ): Promise<readonly string[]> => {
      const earlier = mock.received.length;
      const meta = metaOf({ inputOoi: "Network|in", normalizerId });
      for (const step of octopoesSteps(octopoes, whitelist, meta, { ...EMPTY, ...records }))
        await step.send(NEVER);
      return mock.received.slice(earlier).map((write) => `${write.kind} ${JSON.stringify(write.body)}`);
    };

    test("§3.3 §10.12 objects are observed about the scanned object, which is left out itself", async () => {
      const [write, ...others] = await deliver({ objects: [network("in"), network("a")] });
      assert.deepEqual(others, []);
      const body = JSON.parse(String(write).replace("observation ", ""));
      assert.deepEqual(body.result, [network("a")]);
      assert.deepEqual(
        [body.method, body.source, body.source_method, body.valid_time],
        ["n", "Network|in", "b", ENDED],
      );
    });

    test("§3.4 nothing found sends the empty observation; only scan profiles count as nothing", async () => {
      assert.match(String(await deliver({})), /^observation .*"result":\[\]/u);
      const scanProfiles = [{ reference: "Network|in", level: 4, user_id: null }];
      const writes = await deliver({ scanProfiles }, { n: 2 });
      assert.match(String(writes[0]), /^observation .*"result":\[\]/u);
      assert.match(String(writes[1]), /^scan_profiles .*"scan_profile_type":"declared".*"level":2/u);
    });

    test("§3.2 §10.7 §10.17 declarations go in one request with their end; no observation is sent for them", async () => {
      const end = "2027-01-01T00:00:00Z";
      const writes = await deliver({
        declarations: [
          { object: network("d"), end_valid_time: end },
          { object: network("e"), end_valid_time: null },
        ],
      });
      assert.equal(writes.length, 2);
      assert.match(String(writes[0]), new RegExp(`^declaration .*"end_valid_time":"${end}"`, "u"));
    });

    test("§3.2 a normalizer that the whitelist does not name declares no scan profile", async () => {
      const scanProfiles = [{ reference: "Network|in", level: 1, user_id: null }];
      assert.equal((await deliver({ scanProfiles }, { other: 4 })).length, 1);
      assert.equal((await deliver({ scanProfiles }, {}, "constructor")).length, 1);
    });

    test("§3.3 objects without a scanned object cannot be delivered, and that is said before anything is sent", () => {
      const meta = metaOf({ inputOoi: null });
      assert.match(String(undeliverable(meta, { ...EMPTY, objects: [network("a")] })), /use declarations/u);
      assert.equal(undeliverable(meta, EMPTY), null);
    });

    test("§3.3 affirmations come after what declares their objects, each with the ids of its run", async () => {
      const writes = await deliver({
        objects: [network("o")],
        declarations: [{ object: network("d"), end_valid_time: null }],
        affirmations: [{ object: network("o") }, { object: network("d") }],
      });
      assert.deepEqual(
        writes.map((write) => write.split(" ")[0]),
        ["observation", "declaration", "affirmation", "affirmation"],
      );
      for (const write of writes.slice(1)) {
        const body = JSON.parse(write.slice(write.indexOf(" ")));
        assert.deepEqual([body.method, body.source_method, body.valid_time], ["n", "b", ENDED]);
        assert.match(body.task_id, /^[0-9a-f-]{36}$/u);
      }
      assert.ok(mock.graphs.get("org")?.objects.has("Network|o"));
    });

    test("§3.1 a time with an offset is sent with its plus encoded", async () => {
      const meta = metaOf({ inputOoi: "Network|in" });
      const ended = "2026-01-02T03:04:05+01:00";
      const offset = {
        ...meta,
        raw_data: { ...meta.raw_data, boefje_meta: { ...meta.raw_data.boefje_meta, ended_at: ended } },
      };
      const scanProfiles = [{ reference: "Network|in", level: 1, user_id: null }];
      for (const step of octopoesSteps(octopoes, { n: 1 }, offset, { ...EMPTY, scanProfiles }))
        await step.send(NEVER);
      assert.equal(mock.received.at(-1)?.validTime, ended);
    });

    test("§3.1 §3.4 a source that was deleted is refused with the service's reason", async () => {
      const meta = metaOf({ inputOoi: "Network|gone" });
      const [step] = octopoesSteps(octopoes, {}, meta, EMPTY);
      await assert.rejects(step?.send(NEVER) ?? Promise.resolve(), (error: unknown) => {
        assert.ok(error instanceof WhiskersError);
        assert.match(error.message, /400: .*Origin source of observation does not exist/u);
        return error.code === "upstream-refused";
      });
    });
  });

  function pushTask(normalizer: string, boefje: object = {}): string {
    const id = randomUUID();
    const boefje_meta = {
      id: randomUUID(),
      boefje: { id: "b" },
      input_ooi: null,
      organization: "org",
      started_at: ENDED,
      ended_at: ENDED,
      arguments: {},
      ...boefje,
    };
    const raw_data = { id: randomUUID(), mime_types: [{ value: "boefje/b" }], boefje_meta };
    mock.tasks.push({
      id,
      organisation: "org",
      priority: 1,
      data: { id, normalizer: { id: normalizer }, raw_data },
    });
    return id;
  }

  function addRaw(content: Parameters<MockOpenKat["raws"]["addRaw"]>[0]["content"]): {
    readonly rawId: string;
    readonly boefjeMetaId: string;
  } {
    const boefjeMetaId = randomUUID();
    mock.raws.addBoefjeMeta({
      id: boefjeMetaId,
      started_at: ENDED,
      ended_at: ENDED,
      boefje: { id: "b", version: null },
      input_ooi: null,
      arguments: {},
      organization: "org",
      runnable_hash: null,
      environment: null,
    });
    return { rawId: mock.raws.addRaw({ boefjeMetaId, mimeTypes: ["text/plain"], content }), boefjeMetaId };
  }
});

function metaOf(options: {
  readonly rawId?: string;
  readonly boefjeMetaId?: string;
  readonly inputOoi?: string | null;
  readonly normalizerId?: string;
}): NormalizerMeta {
  return {
    id: randomUUID(),
    started_at: ENDED,
    ended_at: ENDED,
    normalizer: { id: options.normalizerId ?? "n", version: null },
    raw_data: {
      id: options.rawId ?? randomUUID(),
      mime_types: [],
      boefje_meta: {
        id: options.boefjeMetaId ?? randomUUID(),
        started_at: ENDED,
        ended_at: ENDED,
        boefje: { id: "b", version: null },
        input_ooi: options.inputOoi ?? null,
        arguments: {},
        organization: "org",
      },
    },
  };
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function code(wanted: WhiskersError["code"]): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof WhiskersError, String(error));
    assert.equal(error.code, wanted, error.message);
    return true;
  };
}
