import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, beforeEach, suite, test } from "node:test";

import { type MockOpenKat, startMockOpenKat } from "./start-mock-openkat.ts";

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
    test("pop gives what matches by priority then age, still as it was queued", async () => {
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

    test("a PATCH to queued hands a task back; modified_at stays the time of the pop", async () => {
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
      test(`PATCH with ${what} is ${status}`, async () => {
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
      test(`pop with ${what} is ${status}`, async () => {
        push(mock, { normalizer: randomUUID() });
        const answer = await post(`${mock.urls.mula}/schedulers/normalizer/pop`, { filters });
        assert.equal(answer.status, status);
        if (status === 500) assert.equal(await answer.text(), "Internal Server Error");
      });
    }

    test("push: extra key 422, malformed 400, twice queued 409, id known 500, ids that differ replaced", async () => {
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

    test("the last page of a list may point to an empty one", async () => {
      const organisation = randomUUID();
      for (let n = 0; n < 2; n += 1) push(mock, { normalizer: randomUUID(), organisation });
      const page = await json(fetch(`${mock.urls.mula}/tasks?organisation=${organisation}&limit=2`));
      assert.equal(page.count, 2);
      assert.match(page.next, /offset=2/u);
    });
  });

  suite("Bytes", () => {
    test("a token is needed, must be good, and is given for a form only", async () => {
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

    test("a raw comes back byte for byte; an unknown one is 404", async () => {
      const id = addRaw(mock, Buffer.from([0, 255, 10]));
      const answer = await fetch(`${mock.urls.bytes}/bytes/raw/${id}`, { headers: { authorization: token } });
      assert.deepEqual(Buffer.from(await answer.arrayBuffer()), Buffer.from([0, 255, 10]));
      const none = await fetch(`${mock.urls.bytes}/bytes/raw/${randomUUID()}`, {
        headers: { authorization: token },
      });
      assert.deepEqual([none.status, await none.json()], [404, { detail: "No raw data found" }]);
    });

    test("normalizer_meta: 201 once, 400 for the same id or an unknown raw, 422 without a zone, 500 too long", async () => {
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

    test("raws: an equal set of tags is not stored twice, twice in one request is 400", async () => {
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

    test("a source that is not there is 400, unless it is in the result", async () => {
      const refused = await observe(observation([], "Network|absent"));
      assert.deepEqual(
        [refused.status, await refused.json()],
        [400, { detail: "Origin source of observation does not exist" }],
      );
      assert.equal((await observe(observation([network("self")], "Network|self"))).status, 200);
    });

    test("a later observation of the same origin replaces the result; an empty one forgets it", async () => {
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

    test("an affirmation of an unknown object is dropped, of an unsupported one deletes it, always 200", async () => {
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
      test(`an observation with ${what} is ${status}`, async () => {
        assert.equal((await observe({ ...(observation([]) as object), ...body })).status, status);
      });
    }

    test("an organisation without a database is 404", async () => {
      const answer = await post(`${mock.urls.octopoes}/nobody/observations`, observation([]));
      assert.deepEqual([answer.status, await answer.json()], [404, { detail: "Node not found" }]);
    });

    test("save_many of declarations is all or nothing", async () => {
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
