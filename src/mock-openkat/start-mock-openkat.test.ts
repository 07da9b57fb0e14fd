import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { after, before, beforeEach, suite, test } from "node:test";

import { type MockOpenKat, startMockOpenKat } from "./start-mock-openkat.ts";
import { hashOf } from "./task-store.ts";

const TIME = "2026-01-02T03:04:05.000600Z";

/** What the real services do is in the comment of each test, as observed; the numbers are measured there. */
suite("mock OpenKAT", () => {
  let mock: MockOpenKat;
  let token = "";

  before(async () => {
    mock = await startMockOpenKat({
      slowMs: 5,
      check: (object) =>
        object["object_type"] === "Network" && typeof object["name"] === "string"
          ? { key: `Network|${object["name"]}` }
          : { problem: "not a Network" },
    });
    const answer = await post(
      `${mock.urls.bytes}/token`,
      new URLSearchParams({ username: "bytes", password: "bytes" }),
    );
    token = `Bearer ${((await answer.json()) as { access_token: string }).access_token}`;
  });
  beforeEach(() => mock.clearFaults());
  after(() => mock.close());

  suite("Mula", () => {
    test("§1.3 §10.30 pop gives what matches by priority then age, still as it was queued", async () => {
      const late = push(mock, { priority: 20 });
      const early = push(mock, { priority: 10 });
      push(mock, { priority: 1, normalizer: "other" });
      const filters = [{ column: "data", field: "normalizer__id", operator: "in", value: ["mine"] }];
      const popped = await json(post(`${mock.urls.mula}/schedulers/normalizer/pop?limit=5`, { filters }));
      assert.deepEqual(
        popped.results.map((task: { id: string; status: string }) => [task.id, task.status]),
        [
          [early, "queued"],
          [late, "queued"],
        ],
      );
      assert.equal(mock.tasks.get(early)?.status, "dispatched");
      assert.deepEqual(await json(post(`${mock.urls.mula}/schedulers/normalizer/pop?limit=5`, { filters })), {
        results: [],
      });
    });

    test("§1.6 a PATCH to queued hands a task back; modified_at stays the time of the pop", async () => {
      const id = push(mock, { normalizer: "back" });
      mock.tasks.pop(null, (task) => task.id === id);
      const dispatchedAt = mock.tasks.get(id)?.modified_at;
      const patched = await json(patch(`${mock.urls.mula}/tasks/${id}`, { status: "queued" }));
      assert.equal(patched.modified_at, dispatchedAt);
      assert.deepEqual(
        mock.tasks.pop(null, (task) => task.id === id).map((task) => task.id),
        [id],
      );
    });

    for (const [what, url, body, status] of [
      ["no data", "", {}, 400],
      ["unknown keys only", "", { colour: 1 }, 400],
      ["a status that is not lower case", "", { status: "RUNNING" }, 422],
      ["status null", "", { status: null }, 500],
      ["an id that is no UUID", "/x", { status: "failed" }, 422],
      ["an unknown id", `/${randomUUID()}`, { status: "failed" }, 404],
    ] as const) {
      test(`§1.6 PATCH with ${what} is ${status}`, async () => {
        const id = url === "" ? `/${push(mock, { normalizer: randomUUID() })}` : url;
        assert.equal((await patch(`${mock.urls.mula}/tasks${id}`, body)).status, status);
      });
    }

    for (const [what, filters, status] of [
      ["an unknown operator", [{ column: "data", operator: "~", value: 1 }], 422],
      ["a bad column", [{ column: "colour", operator: "eq", value: 1 }], 500],
      [
        "an empty list on a JSON path",
        [{ column: "data", field: "normalizer__id", operator: "in", value: [] }],
        500,
      ],
      [
        "null on a JSON path",
        [{ column: "data", field: "normalizer__id", operator: "eq", value: null }],
        500,
      ],
      ["an unknown group", { xor: [] }, 500],
      [
        "two filters under not",
        {
          not: [
            { column: "id", operator: "eq", value: 1 },
            { column: "id", operator: "eq", value: 2 },
          ],
        },
        500,
      ],
    ] as const) {
      test(`§1.4 pop with ${what} is ${status}`, async () => {
        push(mock, { normalizer: randomUUID() });
        const answer = await post(`${mock.urls.mula}/schedulers/normalizer/pop`, { filters });
        assert.equal(answer.status, status);
        if (status === 500) assert.equal(await answer.text(), "Internal Server Error");
      });
    }

    test("§1.5 push: extra key 422, malformed 400, twice queued 409, id known 500, ids that differ replaced", async () => {
      const at = `${mock.urls.mula}/schedulers/normalizer/push`;
      const data = taskData(randomUUID(), "pushed");
      const id = randomUUID();
      const item = { organisation: "org", priority: 1, data };
      assert.equal((await post(at, { ...item, extra: 1 })).status, 422);
      assert.equal((await post(at, { ...item, priority: 0 })).status, 400);
      assert.equal((await post(at, { ...item, data: {} })).status, 400);
      assert.equal((await post(at, { ...item, id, data: { ...data, id } })).status, 201);
      assert.equal((await post(at, item)).status, 409);
      mock.tasks.pop(null, (task) => task.id === id);
      assert.equal((await post(at, { ...item, id, data: { ...data, id } })).status, 500);
      const renamed = await json(post(at, { ...item, id, data: { ...data, id: randomUUID() } }));
      assert.notEqual(renamed.id, id);
      assert.equal(renamed.data.id, renamed.id);
    });

    test("§1.7 the last page of a list may point to an empty one", async () => {
      const organisation = randomUUID();
      for (let n = 0; n < 2; n += 1) push(mock, { normalizer: randomUUID(), organisation });
      const page = await json(fetch(`${mock.urls.mula}/tasks?organisation=${organisation}&limit=2`));
      assert.equal(page.count, 2);
      assert.match(page.next, /offset=2/u);
    });
  });

  suite("Mula, what else a worker meets", () => {
    const pop = (query: string, body?: unknown): Promise<Response> =>
      body === undefined
        ? fetch(`${mock.urls.mula}/schedulers/normalizer/pop${query}`, { method: "POST" })
        : post(`${mock.urls.mula}/schedulers/normalizer/pop${query}`, body);
    const only = (normalizer: string, more: readonly unknown[] = []): unknown => ({
      filters: [{ column: "data", field: "normalizer__id", operator: "in", value: [normalizer] }, ...more],
    });

    test("§1.1 unknown schedulers and the former queues are 404; a body without its type is refused", async () => {
      const unknown = await post(`${mock.urls.mula}/schedulers/other/pop`, {});
      assert.deepEqual(
        [unknown.status, await unknown.json()],
        [404, { detail: "Resource not found: Scheduler other not found" }],
      );
      assert.equal((await fetch(`${mock.urls.mula}/queues`)).status, 404);
      const untyped = new Blob([JSON.stringify({ status: "running" })]);
      const at = `${mock.urls.mula}/tasks/${push(mock, { normalizer: randomUUID() })}`;
      assert.equal((await fetch(at, { method: "PATCH", body: untyped })).status, 422);
    });

    test("§1.3 limit=0 takes none, a negative one is a slow 500, none and no body takes all", async () => {
      const mine = randomUUID();
      for (let n = 0; n < 3; n += 1) push(mock, { normalizer: mine });
      assert.deepEqual(await json(pop("?limit=0", only(mine))), { results: [] });
      assert.equal(await (await pop("?limit=-1", only(mine))).text(), "Internal Server Error");
      assert.equal((await json(pop("", only(mine)))).results.length, 3);
      push(mock, { normalizer: mine });
      assert.ok((await json(pop(""))).results.length >= 1);
      assert.equal(mock.tasks.queuedCount, 0);
    });

    test("§1.4 a missing key matches no comparison, statuses in either case, numbers only where they are", async () => {
      const mine = randomUUID();
      push(mock, { normalizer: mine });
      const matches = async (filter: object): Promise<number> =>
        (await json(post(`${mock.urls.mula}/tasks`, only(mine, [filter])))).count;
      const status = async (filter: object): Promise<number> =>
        (await post(`${mock.urls.mula}/tasks`, only(mine, [filter]))).status;
      assert.equal(await matches({ column: "data", field: "boefje__id", operator: "ne", value: "x" }), 0);
      assert.equal(
        await matches({ column: "data", field: "boefje__id", operator: "not_in", value: ["x"] }),
        0,
      );
      assert.equal(await matches({ column: "status", operator: "eq", value: "queued" }), 1);
      assert.equal(await matches({ column: "status", operator: "eq", value: "QUEUED" }), 1);
      assert.equal(
        await matches({
          column: "data",
          field: "normalizer__id",
          operator: "like",
          value: `${mine.slice(0, 9)}%`,
        }),
        1,
      );
      assert.equal(
        await matches({ column: "data", field: "raw_data__mime_types", operator: "@>", value: "[]" }),
        1,
      );
      assert.equal(await matches({ column: "organisation", operator: "in", value: [] }), 0);
      assert.equal(await status({ column: "status", operator: "eq", value: "nonsense" }), 500);
      assert.equal(await status({ column: "data", field: "normalizer__id", operator: "gt", value: 1 }), 500);
      assert.equal(
        await status({ column: "data", field: "normalizer__id", operator: "eq", value: true }),
        500,
      );
      assert.equal(await status({ column: "data", operator: "is_null", value: null }), 500);
    });

    test("§1.5 the hash is of normalizer, boefje's run and organisation; ids null and foreign schedulers are 400", async () => {
      const data = {
        normalizer: { id: "kat_dns_normalize" },
        raw_data: { boefje_meta: { id: "7b039e6f-7aeb-4258-b537-f5ef3311f6e3", organization: "org" } },
      };
      assert.equal(hashOf(data), "476954b93bc8008eb0a51693298c4b9b");
      const at = `${mock.urls.mula}/schedulers/normalizer/push`;
      const item = { organisation: "org", priority: 1, data: taskData(randomUUID(), "pushed") };
      assert.equal((await post(at, { ...item, id: null })).status, 400);
      assert.equal((await post(at, { ...item, scheduler_id: "boefje" })).status, 400);
    });

    test("§1.6 any status may follow any other: a completed task that is queued is given out again", async () => {
      const mine = randomUUID();
      const id = push(mock, { normalizer: mine });
      await json(patch(`${mock.urls.mula}/tasks/${id}`, { status: "completed" }));
      assert.deepEqual(await json(pop("", only(mine))), { results: [] });
      await json(patch(`${mock.urls.mula}/tasks/${id}`, { status: "queued" }));
      assert.equal((await json(pop("", only(mine)))).results[0].id, id);
    });

    test("§1.7 limit=0 counts, times the wrong way round are 400, an unknown status a slow 500, unknown ids 404", async () => {
      const organisation = randomUUID();
      push(mock, { normalizer: randomUUID(), organisation });
      const list = (query: string): Promise<Response> =>
        fetch(`${mock.urls.mula}/tasks?organisation=${organisation}&${query}`);
      const counted = await json(list("limit=0"));
      assert.deepEqual([counted.count, counted.results], [1, []]);
      assert.equal(
        (await list("min_created_at=2026-02-01T00:00:00Z&max_created_at=2026-01-01T00:00:00Z")).status,
        400,
      );
      assert.equal((await list("status=nonsense")).status, 500);
      assert.equal((await list("colour=blue")).status, 200);
      assert.equal((await fetch(`${mock.urls.mula}/tasks/${randomUUID()}`)).status, 404);
      assert.equal((await fetch(`${mock.urls.mula}/tasks/x`)).status, 422);
    });

    test("§1.8 §10.5 a second raw file of one boefje's run is refused while the first task is queued", async () => {
      const data = taskData(randomUUID(), randomUUID());
      const second = structuredClone(data) as { raw_data: { id: string } };
      second.raw_data.id = randomUUID();
      const at = `${mock.urls.mula}/schedulers/normalizer/push`;
      const item = { organisation: "org", priority: 1 };
      const first = await json(post(at, { ...item, data }));
      const refused = await post(at, { ...item, data: second });
      assert.deepEqual([refused.status, refused.headers.get("retry-after")], [409, "60"]);
      mock.tasks.pop(null, ({ id }) => id === first.id);
      assert.equal((await post(at, { ...item, data: second })).status, 201);
    });
  });

  suite("Bytes", () => {
    test("§2.1 a token names its user and its end, and is refused after it; another grant is 422", async () => {
      const login = new URLSearchParams({ username: "bytes", password: "bytes", grant_type: "password" });
      const answer = await json(post(`${mock.urls.bytes}/token`, login));
      const [, payload = ""] = answer.access_token.split(".");
      const { sub, exp } = JSON.parse(Buffer.from(payload, "base64url").toString());
      assert.deepEqual([sub, exp], ["bytes", Math.floor(Date.parse(answer.expires_at) / 1000)]);
      assert.match(answer.expires_at, /\+00:00$/u);
      login.set("grant_type", "other");
      assert.equal((await post(`${mock.urls.bytes}/token`, login)).status, 422);
      const brief = await startMockOpenKat({ tokenMs: 1, check: () => ({ key: "" }) });
      try {
        login.set("grant_type", "password");
        const { access_token } = await json(post(`${brief.urls.bytes}/token`, login));
        const late = await fetch(`${brief.urls.bytes}/bytes/raw/${randomUUID()}`, {
          headers: { authorization: `bearer ${access_token}` },
        });
        assert.deepEqual([late.status, late.headers.get("www-authenticate")], [401, "Bearer"]);
      } finally {
        await brief.close();
      }
    });

    test("§2.2 §10.25 §10.26 a list wants all mime types, gives one when no limit is said, and crosses organisations", async () => {
      const boefjeMetaId = addBoefjeMeta(mock);
      const type = `x/${randomUUID()}`;
      for (const more of ["x/a", "x/b"]) {
        mock.raws.addRaw({ boefjeMetaId, mimeTypes: [type, more], content: Buffer.from("1") });
      }
      const list = (query: string): Promise<any> =>
        json(
          fetch(`${mock.urls.bytes}/bytes/raw?mime_types=${type}${query}`, {
            headers: { authorization: token },
          }),
        );
      assert.equal((await list("")).length, 1);
      assert.equal((await list("&limit=9")).length, 2);
      assert.equal((await list("&limit=9&mime_types=x/a")).length, 1);
      assert.equal((await list("&limit=9&organization=another")).length, 2);
      assert.equal((await list("&limit=9&normalized=true")).length, 0);
      assert.equal((await list("&limit=9&normalized=false")).length, 2);
    });

    test("§2.3 what is read of a normalizer_meta is made from what is stored, not from what was posted", async () => {
      const rawId = addRaw(mock, Buffer.from("x"));
      const authorization = token;
      const raw = await json(
        fetch(`${mock.urls.bytes}/bytes/raw/${rawId}/meta`, { headers: { authorization } }),
      );
      const id = randomUUID();
      const posted = {
        ...raw,
        mime_types: [{ value: "made/up" }],
        boefje_meta: { ...raw.boefje_meta, organization: "other" },
      };
      const meta = { id, started_at: TIME, ended_at: TIME, raw_data: posted, normalizer: { id: "n" } };
      assert.equal((await post(`${mock.urls.bytes}/bytes/normalizer_meta`, meta, token)).status, 201);
      const read = await json(
        fetch(`${mock.urls.bytes}/bytes/normalizer_meta/${id}`, { headers: { authorization } }),
      );
      assert.deepEqual(read.raw_data, raw);
      assert.deepEqual(read.normalizer, { id: "n", version: null });
    });

    test("§2.4 the hash is over the bytes and the end of the boefje's run, as Python prints it", async () => {
      const rawId = addRaw(mock, Buffer.from("x"));
      const raw = await json(
        fetch(`${mock.urls.bytes}/bytes/raw/${rawId}/meta`, { headers: { authorization: token } }),
      );
      const seconds = `${Date.parse("2026-01-02T03:04:05Z") / 1000}.0006`;
      assert.equal(raw.secure_hash, `sha512:${createHash("sha512").update(`x${seconds}`).digest("hex")}`);
    });

    test("§2.1 a token is needed, must be good, and is given for a form only", async () => {
      const raw = `${mock.urls.bytes}/bytes/raw/${randomUUID()}`;
      assert.deepEqual(await json(fetch(raw)), { detail: "Not authenticated" });
      const bad = await fetch(raw, { headers: { authorization: "Bearer a.b.c" } });
      assert.deepEqual([bad.status, await bad.json()], [401, { detail: "Could not validate credentials" }]);
      assert.equal(
        (await post(`${mock.urls.bytes}/token`, { username: "bytes", password: "bytes" })).status,
        422,
      );
      const wrong = await post(
        `${mock.urls.bytes}/token`,
        new URLSearchParams({ username: "bytes", password: "x" }),
      );
      assert.deepEqual(
        [wrong.status, await wrong.json()],
        [401, { detail: "Incorrect username or password" }],
      );
    });

    test("§2.2 a raw comes back byte for byte; an unknown one is 404", async () => {
      const id = addRaw(mock, Buffer.from([0, 255, 10]));
      const answer = await fetch(`${mock.urls.bytes}/bytes/raw/${id}`, { headers: { authorization: token } });
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from([0, 255, 10]));
      const none = await fetch(`${mock.urls.bytes}/bytes/raw/${randomUUID()}`, {
        headers: { authorization: token },
      });
      assert.deepEqual([none.status, await none.json()], [404, { detail: "No raw data found" }]);
    });

    test("§2.2 §2.4 §10.24 normalizer_meta: 201 once, 400 for the same id or an unknown raw, 422 without a zone, 500 too long", async () => {
      const rawId = addRaw(mock, Buffer.from("x"));
      const at = `${mock.urls.bytes}/bytes/normalizer_meta`;
      const raw = await json(
        fetch(`${mock.urls.bytes}/bytes/raw/${rawId}/meta`, { headers: { authorization: token } }),
      );
      const meta = {
        id: randomUUID(),
        started_at: TIME,
        ended_at: TIME,
        raw_data: raw,
        normalizer: { id: "n", version: null },
      };
      const sendMeta = async (body: unknown): Promise<number> => (await post(at, body, token)).status;
      assert.equal(await sendMeta(meta), 201);
      assert.equal(await sendMeta(meta), 400);
      assert.equal(
        await sendMeta({ ...meta, id: randomUUID(), raw_data: { ...raw, id: randomUUID() } }),
        400,
      );
      assert.equal(await sendMeta({ ...meta, id: randomUUID(), started_at: "2026-01-02T03:04:05" }), 422);
      assert.equal(await sendMeta({ ...meta, id: randomUUID(), normalizer: { id: "n".repeat(65) } }), 500);
      const withoutEnd = { ...raw, boefje_meta: { ...raw.boefje_meta, ended_at: null } };
      assert.equal(await sendMeta({ ...meta, id: randomUUID(), raw_data: withoutEnd }), 422);
    });

    test("§2.3 raws: an equal set of tags is not stored twice, twice in one request is 400", async () => {
      const boefjeMetaId = addBoefjeMeta(mock);
      const at = `${mock.urls.bytes}/bytes/raw?boefje_meta_id=${boefjeMetaId}`;
      const file = { name: "a", content: Buffer.from("1").toString("base64"), tags: ["x/y", "z/z"] };
      const first = await json(post(at, { files: [file] }, token));
      const again = await json(post(at, { files: [{ ...file, tags: ["z/z", "x/y"] }] }, token));
      assert.equal(again.a, first.a);
      assert.equal((await post(at, { files: [file, { ...file, name: "b" }] }, token)).status, 400);
      assert.equal((await post(at, { files: [{ ...file, content: "%" }] }, token)).status, 500);
    });
  });

  suite("Octopoes", () => {
    const observation = (result: readonly unknown[], source = "Network|n"): unknown => ({
      method: "m", source, source_method: "b", task_id: randomUUID(), valid_time: TIME, result,
    }); // prettier-ignore
    const observe = (body: unknown): Promise<Response> =>
      post(`${mock.urls.octopoes}/org/observations`, body);
    const network = (name: string): unknown => ({ object_type: "Network", name });
    const keys = (): readonly string[] => [...(mock.graphs.get("org")?.objects.keys() ?? [])].toSorted();

    test("§3.4 a source that is not there is 400, unless it is in the result", async () => {
      const refused = await observe(observation([], "Network|absent"));
      assert.deepEqual(
        [refused.status, await refused.json()],
        [400, { detail: "Origin source of observation does not exist" }],
      );
      assert.equal((await observe(observation([network("self")], "Network|self"))).status, 200);
    });

    test("§3.4 a later observation of the same origin replaces the result; an empty one forgets it", async () => {
      mock.graphs.get("org")?.declare("Network|n", { object_type: "Network", name: "n" });
      assert.equal(await (await observe(observation([network("a"), network("b")]))).text(), "null");
      await observe(observation([network("b"), network("c")]));
      assert.deepEqual(
        keys().filter((key) => /\|[abc]$/u.test(key)),
        ["Network|b", "Network|c"],
      );
      await observe(observation([]));
      assert.deepEqual(
        keys().filter((key) => /\|[abc]$/u.test(key)),
        [],
      );
    });

    test("§3.4 §10.28 an affirmation of an unknown object is dropped, of an unsupported one deletes it, always 200", async () => {
      const affirm = (name: string): Promise<Response> =>
        post(`${mock.urls.octopoes}/org/affirmations`, { ooi: network(name), valid_time: TIME });
      assert.equal((await affirm("unknown")).status, 200);
      assert.ok(!keys().includes("Network|unknown"));
    });

    for (const [what, body, status] of [
      ["an object that does not fit", { result: [{ object_type: "Network" }] }, 422],
      ["primary_key null", { result: [{ object_type: "Network", name: "x", primary_key: null }] }, 422],
      ["a time without a zone", { valid_time: "2026-01-01T00:00:00" }, 422],
      ["a task id that is no UUID", { task_id: "x" }, 422],
    ] as const) {
      test(`§3.1 §3.3 an observation with ${what} is ${status}`, async () => {
        assert.equal((await observe({ ...(observation([]) as object), ...body })).status, status);
      });
    }

    test("§3.2 an empty list is fine; there is no save_many of observations or affirmations", async () => {
      const to = async (path: string): Promise<number> =>
        (await post(`${mock.urls.octopoes}/org/${path}`, [])).status;
      assert.equal(await to("declarations/save_many"), 200);
      assert.equal(await to(`scan_profiles/save_many?valid_time=${TIME}`), 200);
      assert.equal(await to("observations/save_many"), 404);
      assert.equal(await to("affirmations/save_many"), 404);
    });

    test("§3.1 valid_time of scan profiles is in the query, aware, and its plus percent-encoded", async () => {
      const at = async (time: string): Promise<number> =>
        (await post(`${mock.urls.octopoes}/org/scan_profiles/save_many${time}`, [])).status;
      assert.equal(await at(""), 422);
      assert.equal(await at("?valid_time=2026-01-01T00:00:00"), 422);
      assert.equal(await at("?valid_time=2026-01-01T00:00:00+00:00"), 422);
      assert.equal(await at("?valid_time=2026-01-01T00:00:00%2B00:00"), 200);
    });

    test("§3.3 a scan profile without its type is read as empty; its object need not exist", async () => {
      const profile = { reference: "Network|nowhere", level: 3 };
      await post(`${mock.urls.octopoes}/org/scan_profiles/save_many?valid_time=${TIME}`, [profile]);
      const stored = mock.graphs.get("org")?.scanProfiles.get("Network|nowhere");
      assert.deepEqual([stored?.scan_profile_type, stored?.level], ["empty", 3]);
    });

    test("§3.3 §10.27 a key that is given is trusted, one that is not is computed", async () => {
      mock.graphs.get("org")?.declare("Network|n", { object_type: "Network", name: "n" });
      const given = { object_type: "Network", name: "trusted", primary_key: "Network|twin" };
      await observe(observation([given, { object_type: "Network", name: "computed", primary_key: "" }]));
      assert.ok(keys().includes("Network|twin") && keys().includes("Network|computed"));
      assert.ok(!keys().includes("Network|trusted"));
    });

    test("§3.4 §10.8 nulls clear nothing; of two variants of a new object the last wins, nulls and all", async () => {
      mock.graphs.get("org")?.declare("Network|n", { object_type: "Network", name: "n" });
      const stored = (name: string): unknown => mock.graphs.get("org")?.objects.get(`Network|${name}`);
      const variant = (more: object): object => ({ object_type: "Network", name: "v", ...more });
      await observe(observation([variant({ note: "a" }), variant({ note: null })]));
      assert.deepEqual(stored("v"), { object_type: "Network", name: "v", primary_key: "Network|v" });
      await observe(observation([variant({ note: "b" })]));
      await observe(observation([variant({ note: null })]));
      assert.deepEqual(stored("v"), {
        object_type: "Network",
        name: "v",
        note: "b",
        primary_key: "Network|v",
      });
    });

    test("§3.1 an organisation without a database is 404", async () => {
      const answer = await post(`${mock.urls.octopoes}/nobody/observations`, observation([]));
      assert.deepEqual([answer.status, await answer.json()], [404, { detail: "Node not found" }]);
    });

    test("§3.2 save_many of declarations is all or nothing", async () => {
      const many = [network("d1"), { object_type: "Network" }].map((ooi) => ({ ooi, valid_time: TIME }));
      assert.equal((await post(`${mock.urls.octopoes}/org/declarations/save_many`, many)).status, 422);
      assert.ok(!keys().includes("Network|d1"));
    });
  });

  suite("faults", () => {
    const health = (): Promise<Response> =>
      fetch(`${mock.urls.mula}/health`, { signal: AbortSignal.timeout(2000) });

    test("an error is a plain-text 500, as often as was said", async () => {
      mock.addFault("mula", { kind: "error", times: 1 });
      assert.equal(await (await health()).text(), "Internal Server Error");
      assert.equal((await health()).status, 200);
    });

    test("reset cuts the connection; after: the request had its effect", async () => {
      const id = push(mock, { normalizer: randomUUID() });
      mock.addFault("mula", { kind: "reset", when: "after", times: 1 });
      await assert.rejects(patch(`${mock.urls.mula}/tasks/${id}`, { status: "running" }));
      assert.equal(mock.tasks.get(id)?.status, "running");
    });

    test("truncate cuts the body short of its length", async () => {
      mock.addFault("mula", { kind: "truncate", times: 1 });
      const answer = await health();
      await assert.rejects(answer.text());
    });

    test("latency is waited for", async () => {
      mock.addFault("mula", { kind: "latency", ms: 120, times: 1 });
      const started = performance.now();
      await health();
      assert.ok(performance.now() - started >= 115);
    });
  });
});

function taskData(id: string, normalizer: string): Record<string, unknown> {
  const boefje_meta = {
    id: randomUUID(),
    boefje: { id: "b" },
    input_ooi: null,
    organization: "org",
    started_at: TIME,
    ended_at: TIME,
  };
  return { id, normalizer: { id: normalizer }, raw_data: { id: randomUUID(), mime_types: [], boefje_meta } };
}

function push(
  mock: MockOpenKat,
  task: { readonly priority?: number; readonly normalizer?: string; readonly organisation?: string },
): string {
  const id = randomUUID();
  mock.tasks.push({
    id,
    organisation: task.organisation ?? "org",
    priority: task.priority ?? 1,
    data: taskData(id, task.normalizer ?? "mine"),
  });
  return id;
}

function addBoefjeMeta(mock: MockOpenKat): string {
  const id = randomUUID();
  mock.raws.addBoefjeMeta({
    id, started_at: TIME, ended_at: TIME, boefje: { id: "b", version: null }, input_ooi: null, arguments: {},
    organization: "org", runnable_hash: null, environment: null,
  }); // prettier-ignore
  return id;
}

function addRaw(mock: MockOpenKat, content: Uint8Array): string {
  return mock.raws.addRaw({ boefjeMetaId: addBoefjeMeta(mock), mimeTypes: ["text/plain"], content });
}

function post(url: string, body: unknown, authorization?: string): Promise<Response> {
  return send("POST", url, body, authorization);
}

function patch(url: string, body: unknown): Promise<Response> {
  return send("PATCH", url, body);
}

function send(method: string, url: string, body: unknown, authorization?: string): Promise<Response> {
  const isForm = body instanceof URLSearchParams;
  return fetch(url, {
    method,
    body: isForm ? body : JSON.stringify(body),
    headers: {
      ...(isForm ? {} : { "content-type": "application/json" }),
      ...(authorization === undefined ? {} : { authorization }),
    },
  });
}

async function json(answer: Promise<Response>): Promise<any> {
  return (await answer).json();
}
