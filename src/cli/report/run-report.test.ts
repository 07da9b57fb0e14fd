import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { DEFAULT_LIMITS } from "../../domain/limits.ts";
import type { OpenKatObject, Records } from "../../domain/record.ts";
import type { Run } from "../../domain/run.ts";
import { noTime } from "../../telemetry/phase-clock.ts";
import { columnsOf } from "../terminal/columns.ts";
import { describeTerminal } from "../terminal/terminal.ts";
import { JsonDocument } from "./json-document.ts";
import { runReport } from "./run-report.ts";

const PLAIN = describeTerminal({}, { COLUMNS: "90" });

const NETWORK = { object_type: "Network", primary_key: "Network|internet", name: "internet" };
const hostname = (name: string): OpenKatObject => ({
  object_type: "Hostname",
  primary_key: `Hostname|internet|${name}`,
  network: "Network|internet",
  name,
  dns_zone: null,
});
const FINDING: OpenKatObject = {
  object_type: "Finding",
  primary_key: "Finding|Hostname|internet|www.example.com|KAT-X",
  ooi: "Hostname|internet|www.example.com",
  finding_type: "KATFindingType|KAT-X",
  description: "It is open.",
};
const FINDING_TYPE: OpenKatObject = {
  object_type: "KATFindingType",
  primary_key: "KATFindingType|KAT-X",
  id: "KAT-X",
  risk_severity: "high",
};
const PORT: OpenKatObject = {
  object_type: "IPPort",
  primary_key: "IPPort|internet|192.0.2.1|tcp|22",
  address: "IPAddressV4|internet|192.0.2.1",
  protocol: "tcp",
  port: 22,
  state: "open",
};

function run(records: Partial<Records>, more: Partial<Run> = {}): Run {
  return {
    outcome: { status: "succeeded" },
    records: {
      objects: [],
      declarations: [],
      affirmations: [],
      scanProfiles: [],
      raws: [],
      rejections: [],
      rejectionsDropped: 0,
      recordsRejected: 0,
      sha256: "00",
      ...records,
    },
    logs: [],
    logBytesDropped: 0,
    receipt: { sink: "collected" },
    record: {
      taskId: "t",
      normalizer: { id: "n", version: null },
      packageDigest: "sha256:11",
      environment: { name: "python", version: "3.11.7", digest: null },
      rawId: "r",
      rawBytes: 2048,
      rawSha256: "22",
      metaSha256: "33",
      outputSha256: "00",
      runtime: { driver: "subprocess", version: "bubblewrap 0.8.0" },
      state: "fork",
      limits: DEFAULT_LIMITS,
      timingsMs: { ...noTime(), package: 2, prepare: 0.5, open: 30, run: 4.25, validate: 1, total: 38 },
      usage: { cpuMs: 20, peakMemoryBytes: 12 * 2 ** 20 },
      protections: [
        { name: "seccomp", by: "bubblewrap" },
        { name: "memory-limit", by: null },
      ],
    },
    ...more,
  };
}

suite("runReport", () => {
  test("shows findings first, then objects by type with their values and relations, then how it went", () => {
    const objects = [
      NETWORK,
      hostname("www.example.com"),
      PORT,
      FINDING_TYPE,
      FINDING,
      hostname("ns1.example.com"),
    ];
    const logs = [
      { level: "info", message: "hello", source: "log" },
      { level: "info", message: "printed", source: "stderr" },
    ] as const;
    assert.equal(
      runReport("hosts.txt", run({ objects }, { logs }), PLAIN, false),
      `n on hosts.txt: succeeded in 38 ms

Findings  1
  high  KAT-X  Hostname www.example.com
               It is open.

Objects  5
  Hostname  2
    www.example.com
    ns1.example.com
  IPPort  1
    192.0.2.1|tcp|22  state open  address → IPAddressV4 192.0.2.1
  KATFindingType  1
    KAT-X  risk_severity high
  Network  1
    internet

Log  2
  info     hello
  stderr   printed

Times     package 2 ms, prepare 0.5 ms, open 30 ms, run 4.3 ms, validate 1 ms
Used      20 ms of CPU, 12 MiB of memory at most
Ran       python 3.11.7
Sandbox   subprocess (bubblewrap 0.8.0), state fork, 1 of 2 protections; not in force: memory-limit
Package   sha256:11
Raw file  2 KiB, sha256:22
Output    sha256:00
`,
    );
  });

  test("shows a failure with its code, stack, remedy and every rejection", () => {
    const shown = runReport(
      "x",
      run(
        {
          objects: [NETWORK],
          recordsRejected: 1,
          rejectionsDropped: 2,
          rejections: [{ record: 3, path: "/port", reason: '"x" is no number', objectType: "IPPort" }],
        },
        {
          outcome: {
            status: "failed",
            code: "normalizer-raised",
            message: "ValueError: no",
            guestError: { type: "ValueError", message: "no", stack: "Traceback\n  line 1\n" },
          },
        },
      ),
      PLAIN,
      false,
    );
    assert.match(
      shown,
      /^n on x: failed in 38 ms\n\n {2}normalizer-raised {2}ValueError: no\n {4}Traceback\n {6}line 1\n/u,
    );
    assert.match(
      shown,
      /Rejected records {2}1\n {2}record 3 IPPort \/port {2}"x" is no number\n {2}… 2 more reasons/u,
    );
    assert.match(shown, /The normalizer raised an error/u);
  });

  test("a stack that only repeats the message is not shown", () => {
    const message = "ImportError: module 'normalize' has no function 'main'";
    const guestError = { type: "ImportError", message, stack: `${message}\n` };
    const outcome = { status: "failed", code: "normalizer-load-failed", message, guestError } as const;
    const shown = runReport("x", run({}, { outcome }), PLAIN, false);
    assert.equal(shown.split(message).length, 2);
  });

  test("success with nothing says that nothing was found; failure and rejections do not", () => {
    const nothing = /gave no records/u;
    const outcome = { status: "failed", code: "time-limit", message: "m" } as const;
    assert.match(runReport("x", run({}), PLAIN, false), nothing);
    assert.doesNotMatch(runReport("x", run({ objects: [NETWORK] }), PLAIN, false), nothing);
    assert.doesNotMatch(runReport("x", run({ recordsRejected: 1 }), PLAIN, false), nothing);
    assert.doesNotMatch(runReport("x", run({}, { outcome }), PLAIN, false), nothing);
  });

  test("what a guest gives never reaches the terminal as it is, whatever field it is in", () => {
    const evil = "\u001b[2J\u202e\n\u0007|x";
    const object: OpenKatObject = {
      object_type: evil,
      primary_key: `${evil}|${evil}`,
      [evil]: evil,
      to: `Hostname|${evil}`,
    };
    const shown = runReport(
      evil,
      run(
        {
          objects: [object, { ...FINDING, description: evil, finding_type: evil, ooi: evil }],
          declarations: [{ object, end_valid_time: null }],
          affirmations: [{ object }],
          scanProfiles: [{ reference: evil, level: 1, user_id: null }],
          raws: [{ mime_types: [evil], content: new Uint8Array() }],
          rejections: [{ record: 0, path: evil, reason: evil, objectType: evil }],
          recordsRejected: 1,
        },
        {
          logs: [{ level: "info", message: evil, source: "log" }],
          outcome: {
            status: "failed",
            code: "normalizer-raised",
            message: evil,
            guestError: { type: evil, message: evil, stack: evil },
          },
        },
      ),
      PLAIN,
      true,
    );
    assert.doesNotMatch(shown, /[^\P{C}\n]/u);
  });

  test("long lists are cut unless all is wanted, and lines keep to the width", () => {
    const objects = Array.from({ length: 50 }, (_, index) =>
      hostname(`${"very-".repeat(40)}${index}.example.com`),
    );
    const logs = Array.from(
      { length: 50 },
      () => ({ level: "info", message: "x".repeat(500), source: "log" }) as const,
    );
    const short = runReport("x", run({ objects }, { logs }), PLAIN, false);
    assert.match(short, /… 38 more \(--full shows all\)/u);
    assert.match(short, /… 30 more lines \(--full shows all\)/u);
    for (const line of short.split("\n").slice(2, 40)) assert.ok(columnsOf(line) <= 90, line);
    assert.doesNotMatch(runReport("x", run({ objects }, { logs }), PLAIN, true), /--full/u);
  });

  test("a run without a sandbox says so", () => {
    const { record } = run({});
    const bare = { ...record, runtime: { driver: "inline", version: "" }, protections: [] };
    assert.match(runReport("x", run({}, { record: bare }), PLAIN, false), /inline: NONE/u);
  });
});

suite("JsonDocument", () => {
  const collect = async (use: (document: JsonDocument) => Promise<void>): Promise<unknown> => {
    let text = "";
    await use(
      new JsonDocument((part) => {
        text += part;
        return Promise.resolve();
      }),
    );
    return JSON.parse(text);
  };

  test("is one document, whatever the number of runs and objects", async () => {
    const objects = Array.from({ length: 2500 }, (_, index) => hostname(`${index}`));
    const raws = [{ mime_types: ["a/b"], content: new Uint8Array([1, 2]) }];
    const document = await collect(async (each) => {
      await each.add("a", run({ objects, raws }));
      await each.add("b", run({}, { outcome: { status: "failed", code: "time-limit", message: "m" } }));
      await each.end();
    });
    assert.partialDeepStrictEqual(document, {
      runs: [
        {
          outcome: { status: "succeeded" },
          input: "a",
          objects,
          raws: [{ mime_types: ["a/b"], content: "AQI=" }],
        },
        {
          outcome: { status: "failed", code: "time-limit", fault: "normalizer", retryable: false },
          input: "b",
        },
      ],
    });
  });

  test("holds what went wrong, beside the runs that were done before", async () => {
    const error = {
      code: "internal",
      message: "m",
      fault: "platform",
      retryable: true,
      remedy: "r",
    } as const;
    assert.deepEqual(await collect((each) => each.end(error)), { runs: [], error });
    assert.deepEqual(await collect((each) => each.end()), { runs: [] });
    const both = await collect(async (each) => {
      await each.add("a", run({}));
      await each.end(error);
    });
    assert.partialDeepStrictEqual(both, { runs: [{ input: "a" }], error });
  });
});
