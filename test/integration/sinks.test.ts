/** Where outputs go besides Octopoes: Bytes, PostgreSQL and JSON Lines, in any combination. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import { Client } from "pg";

import { checkObject } from "../../src/cli/check-object.ts";
import { type MockOpenKat, startMockOpenKat } from "../../src/mock-openkat/start-mock-openkat.ts";
import { eventually } from "../fixtures/eventually.ts";
import { noPostgres, startPostgres } from "../fixtures/postgres-server.ts";
import { startSupervisor } from "../fixtures/supervisor-process.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;
const PUPPET = new URL("../fixtures/normalizers/puppet", import.meta.url).pathname;
const SOURCE = "Network|internet";
const ENDED = "2026-01-02T03:04:05Z";
const HOSTNAME = { object_type: "Hostname", network: SOURCE, name: "a.example" };
const KEY = "Hostname|internet|a.example";

interface Line {
  readonly task: string;
  readonly organisation: string;
  readonly packageDigest: string;
  readonly source: string;
  readonly kind: string;
  readonly record: { readonly primary_key?: string };
}

suite("sinks", { timeout: 120_000 }, () => {
  let mock: MockOpenKat;
  let home = "";
  before(async () => {
    home = mkdtempSync(join(tmpdir(), "whiskers-sinks-"));
    mock = await startMockOpenKat({ check: checkObject, slowMs: 20 });
    const object = { object_type: "Network", name: "internet", primary_key: SOURCE };
    mock.graphs.get("org")?.declare(SOURCE, object);
  });
  after(async () => {
    await mock.close();
    rmSync(home, { recursive: true });
  });
  const add = (todo: object): string =>
    mock.addWork({
      normalizer: "puppet",
      content: Buffer.from(JSON.stringify(todo)),
      inputOoi: SOURCE,
      endedAt: ENDED,
    });
  const over = (...ids: readonly string[]): Promise<void> =>
    eventually(
      "they are over",
      () => ids.every((id) => ["completed", "failed"].includes(mock.tasks.get(id)?.status ?? "")),
      60_000,
    );
  const linesOf = (folder: string, task: string): readonly Line[] =>
    parseLines(readFileSync(join(folder, ENDED.slice(0, 10), `${task}.jsonl`), "utf8"));

  test(
    "all four hold the same, once, though Bytes loses an answer; a failure is in none",
    { skip: noPostgres ?? false },
    async () => {
      await using server = await startPostgres();
      const databaseUrl = await server.createDatabase();
      const folder = join(home, "lines");
      const env = { WHISKERS_SINKS: "octopoes, bytes, postgresql, jsonl", WHISKERS_JSONL_FOLDER: folder };
      const supervisor = await startSupervisor({ mock, home, databaseUrl, env });
      mock.addFault("bytes", { match: "POST /bytes/raw", kind: "reset", when: "after", times: 1 });
      const declaration = { record_type: "declaration", object: HOSTNAME, end_valid_time: null };
      const found = add({ yield: [HOSTNAME, declaration] });
      const empty = add({});
      const failed = add({ yield: [HOSTNAME], raise: "no" });
      await over(found, empty, failed);
      assert.deepEqual(
        [found, empty, failed].map((id) => mock.tasks.get(id)?.status),
        ["completed", "completed", "failed"],
      );

      const lines = linesOf(folder, found);
      assert.deepEqual(
        lines.map(({ kind }) => kind),
        ["object", "declaration"],
      );
      assert.deepEqual(
        [lines[0]?.task, lines[0]?.organisation, lines[0]?.source, lines[0]?.record.primary_key],
        [found, "org", SOURCE, KEY],
      );
      assert.match(lines[0]?.packageDigest ?? "", /^sha256:/u);
      assert.deepEqual(linesOf(folder, empty), []);
      assert.equal(readdirSync(join(folder, ENDED.slice(0, 10))).length, 2);

      const raws = [...mock.raws.raws.values()].filter(({ mimeTypes }) =>
        mimeTypes.includes("whiskers/output"),
      );
      const texts = raws.map(({ content }) => Buffer.from(content as Uint8Array).toString());
      assert.deepEqual(texts.toSorted().map(parseLines), [[], lines]);

      const client = new Client({ connectionString: databaseUrl });
      await client.connect();
      const { rows } = await client.query(
        `select result.task_id, organisation, source, valid_time, kind, object_type, primary_key, document
       from whiskers.result left join whiskers.record using (task_id) order by object_type is null, position`,
      );
      await client.end();
      assert.deepEqual(rows.map(({ task_id, kind, primary_key }) => [task_id, kind, primary_key]), [
      [found, "object", KEY], [found, "declaration", KEY], [empty, null, null],
    ]); // prettier-ignore
      assert.deepEqual(rows[0].document, lines[0]?.record);
      assert.equal(rows[0].valid_time.toISOString(), new Date(ENDED).toISOString());
      assert.deepEqual(
        mock.received.filter(({ taskId }) => taskId === found).map(({ kind }) => kind),
        ["observation", "declaration"],
      );
      supervisor.signal("SIGTERM");
      assert.equal(await supervisor.ended, 0);
    },
  );

  test("JSON Lines alone: Octopoes gets nothing and needs no address; submitted files go there too", async () => {
    const env = { WHISKERS_SINKS: "jsonl", OCTOPOES_API: "" };
    const file = join(home, "raw.json");
    writeFileSync(file, JSON.stringify({ yield: [HOSTNAME] }));
    const submit = spawnSync(process.execPath, [MAIN, "submit", PUPPET, file, "--json"], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"] ?? "", HOME: home, WHISKERS_HOME: home },
    });
    assert.equal(submit.status, 0, submit.stderr);
    const { tasks } = JSON.parse(submit.stdout) as { readonly tasks: readonly { readonly task: string }[] };
    const received = mock.received.length;
    const supervisor = await startSupervisor({ mock, home, databaseUrl: null, env });
    const found = add({ yield: [HOSTNAME] });
    await over(found);
    assert.equal(mock.tasks.get(found)?.status, "completed");
    assert.equal(mock.received.length, received);
    assert.ok(mock.raws.normalizerMetas.has(found));
    const folder = join(home, "output");
    assert.equal(linesOf(folder, found)[0]?.record.primary_key, KEY);
    const days = (): readonly string[] => readdirSync(folder, { recursive: true, encoding: "utf8" });
    const submitted = `${tasks[0]?.task}.jsonl`;
    await eventually("what was submitted is there", () => days().some((name) => name.endsWith(submitted)));
    supervisor.signal("SIGTERM");
    assert.equal(await supervisor.ended, 0);
  });
});

function parseLines(text: string): readonly Line[] {
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
}
