/**
 * Writes protocol/vectors/*.json. The vectors say what protocol/README.md says, once more, for
 * machines; protocol/vectors/README.md describes their form. `--check` compares instead of writing.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../protocol/vectors");
const [RUN, RAW, READY, RECORDS, LOG, DONE, FAILED] = [1, 2, 0x10, 0x11, 0x12, 0x13, 0x14];

interface StreamVector {
  readonly name: string;
  readonly bytes: string;
  readonly frames: readonly { readonly kind: number; readonly run: number; readonly payload: string }[];
  readonly error: "oversized" | "unknown-kind" | "truncated" | null;
}

type Step =
  | { readonly expect: "ready"; readonly first: boolean }
  | { readonly send: string }
  | { readonly close: true }
  | {
      readonly expect: "run";
      readonly run: number;
      readonly records: readonly unknown[];
      readonly logs: readonly { readonly level: string; readonly message: string }[];
      readonly end:
        | { readonly done: true }
        | { readonly failed: { readonly message: string; readonly reason: string } };
    };

interface ConversationVector {
  readonly name: string;
  /** State policies under which the guest must behave like this. */
  readonly states: readonly ("fresh" | "reuse" | "fork")[];
  readonly steps: readonly Step[];
  readonly exit: number;
}

const files = {
  "guest-streams.json": guestStreams(),
  "conversations.json": conversations(),
};

let stale = 0;
for (const [name, vectors] of Object.entries(files)) {
  const path = join(FOLDER, name);
  const text = `[\n${vectors.map((vector) => `  ${JSON.stringify(vector)}`).join(",\n")}\n]\n`;
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (readFileSync(path, "utf8") !== text) {
    stale += 1;
    process.stderr.write(`${path} is stale: run node scripts/generate-vectors.ts\n`);
  }
}
process.exitCode = stale === 0 ? 0 : 1;

function frame(kind: number, run: number, payload: Uint8Array | string, length?: number): Buffer {
  const body = Buffer.from(payload);
  const header = Buffer.alloc(9);
  header.writeUInt32BE(length ?? body.length, 0);
  header.writeUInt8(kind, 4);
  header.writeUInt32BE(run, 5);
  return Buffer.concat([header, body]);
}

function guestStreams(): StreamVector[] {
  const good = (name: string, frames: readonly (readonly [number, number, string])[]): StreamVector => ({
    name,
    bytes: Buffer.concat(frames.map(([kind, run, payload]) => frame(kind, run, payload))).toString("hex"),
    frames: frames.map(([kind, run, payload]) => ({
      kind,
      run,
      payload: Buffer.from(payload).toString("hex"),
    })),
    error: null,
  });
  const ready = [READY, 0, '{"protocols":[1]}'] as const;
  const bad = (name: string, error: StreamVector["error"], tail: Uint8Array): StreamVector => {
    const before = good(name, [ready]);
    return { ...before, bytes: before.bytes + Buffer.from(tail).toString("hex"), error };
  };
  return [
    good("nothing at all", []),
    good("ready", [ready]),
    good("every kind that a guest may send", [
      ready,
      [RECORDS, 1, '{"object_type":"Network","name":"internet"}\n'],
      [LOG, 1, '{"level":"info","message":"läuft"}\n'],
      [DONE, 1, '{"records":1}'],
      [READY, 0, "{}"],
      [FAILED, 2, '{"type":"ValueError","message":"no","stack":"","reason":"raised"}'],
    ]),
    good("an empty payload", [ready, [DONE, 1, ""], [READY, 0, ""]]),
    good("the highest run number", [ready, [DONE, 0xffffffff, "{}"]]),
    good("a payload that looks like a header", [
      ready,
      [RECORDS, 1, "\u0000\u0000\u0000\u0002\u0013\u0000\u0000\u0000\u0001{}"],
    ]),
    bad("a length one above the highest", "oversized", frame(RECORDS, 1, "", 16 * 1024 * 1024 + 1)),
    bad("the highest length that can be written", "oversized", frame(RECORDS, 1, "", 0xffffffff)),
    bad("an oversized frame of a kind that is not known", "oversized", frame(0xff, 1, "", 0xffffffff)),
    bad("text instead of frames", "oversized", Buffer.from("Traceback (most recent call last):\n")),
    ...[0x00, RUN, RAW, 0x03, 0x0f, 0x15, 0xff].map((kind) =>
      bad(`kind 0x${kind.toString(16).padStart(2, "0")}`, "unknown-kind", frame(kind, 1, "{}")),
    ),
    bad("an unknown kind is an error before its payload is there", "unknown-kind", frame(0x7f, 1, "", 100)),
    bad(
      "an oversized length is an error before the run number is there",
      "oversized",
      Buffer.from("ffffffff11", "hex"),
    ),
    bad("the end inside a header", "truncated", frame(RECORDS, 1, "").subarray(0, 4)),
    bad("the end after a header", "truncated", frame(RECORDS, 1, "", 3)),
    bad("the end inside a payload", "truncated", frame(RECORDS, 1, "{}", 3)),
    bad(
      "the end inside a payload of the highest length",
      "truncated",
      frame(RECORDS, 1, "{}", 16 * 1024 * 1024),
    ),
  ];
}

interface RawInput {
  readonly id: string;
  readonly mimeTypes: readonly string[];
  readonly content: Buffer;
}

function conversations(): ConversationVector[] {
  const all = ["fresh", "reuse", "fork"] as const;
  const warm = ["reuse", "fork"] as const;
  const ready: Step = { expect: "ready", first: true };
  const readyAgain: Step = { expect: "ready", first: false };
  const close: Step = { close: true };
  const hi = raw("r1", "<nmaprun/>\n", ["boefje/nmap", "application/xml"]);
  const empty = raw("r2", "");
  const bytes = raw("r3", Buffer.from(Array.from({ length: 10_000 }, (_, at) => (at * 7 + (at >> 8)) % 256)));

  /** A run as steps: what is sent, and what has to come back. */
  const send = (buffers: readonly Buffer[]): Step => ({ send: Buffer.concat(buffers).toString("hex") });
  const describe = (run: number, raws: readonly RawInput[]): Step[] => [
    send(input(run, { do: "describe" }, raws)),
    answer(run, raws.map(described), [{ level: "info", message: `${raws.length} raw files` }]),
  ];
  const whole = (run: number, what: object, records: readonly unknown[]): Step[] => [
    send(input(run, what, [hi])),
    answer(run, records),
  ];
  const badInput = (name: string, ...sent: Buffer[]): ConversationVector => ({
    name,
    states: all,
    steps: [ready, send(sent)],
    exit: 65,
  });

  return [
    { name: "the input ends before any run", states: all, steps: [ready, close], exit: 0 },
    {
      name: "one run, then the guest ends by itself",
      states: ["fresh"],
      steps: [ready, ...describe(1, [hi])],
      exit: 0,
    },
    { name: "one run", states: warm, steps: [ready, ...describe(1, [hi]), readyAgain, close], exit: 0 },
    {
      name: "the highest run number",
      states: ["fresh"],
      steps: [ready, ...describe(0xffffffff, [hi])],
      exit: 0,
    },
    {
      name: "three runs, whose numbers need not follow each other",
      states: warm,
      steps: [
        ready,
        ...describe(7, [hi]),
        readyAgain,
        ...describe(8, [bytes]),
        readyAgain,
        ...describe(3, [empty]),
        readyAgain,
        close,
      ],
      exit: 0,
    },
    { name: "an empty raw file", states: ["fresh"], steps: [ready, ...describe(1, [empty])], exit: 0 },
    { name: "no raw file", states: ["fresh"], steps: [ready, ...describe(1, [])], exit: 0 },
    {
      name: "several raw files, empty ones among them",
      states: ["fresh", "fork"],
      steps: [ready, ...describe(1, [hi, empty, bytes, empty])],
      exit: 0,
    },
    {
      name: "a raw file in many frames",
      states: ["fresh"],
      steps: [
        ready,
        send(input(1, { do: "describe" }, [bytes, hi], 999)),
        answer(1, [bytes, hi].map(described), [{ level: "info", message: "2 raw files" }]),
      ],
      exit: 0,
    },
    {
      name: "frames cut anywhere",
      states: all,
      steps: [
        ready,
        ...cut(
          Buffer.concat(input(1, { do: "describe" }, [hi, bytes], 5000)),
          [1, 4, 8, 9, 10, 30, 500, 5600],
        ),
        answer(1, [hi, bytes].map(described), [{ level: "info", message: "2 raw files" }]),
      ],
      exit: 0,
    },
    {
      name: "keys that are not known are ignored",
      states: ["fresh"],
      steps: [
        ready,
        send([
          frame(
            RUN,
            1,
            JSON.stringify({ future: { a: [1] }, protocol: 1, meta: meta({ do: "nothing" }), raws: [] }),
          ),
          frame(RAW, 1, ""),
        ]),
        answer(1, []),
      ],
      exit: 0,
    },
    {
      name: "a run without records",
      states: ["fresh"],
      steps: [ready, ...whole(1, { do: "nothing" }, [])],
      exit: 0,
    },
    {
      name: "many records, in order",
      states: ["fresh", "fork"],
      steps: [
        ready,
        ...whole(
          1,
          { do: "count", n: 3000 },
          Array.from({ length: 3000 }, (_, i) => ({ record_type: "vector", i })),
        ),
      ],
      exit: 0,
    },
    {
      name: "text outside ASCII, control characters, quotes",
      states: ["fresh"],
      steps: [
        ready,
        ...whole(1, { do: "text", text: 'é 漢 🐈 "\\/\u0000\u001b[0m\n\r\u2028\ufffd' }, [
          { record_type: "vector", text: 'é 漢 🐈 "\\/\u0000\u001b[0m\n\r\u2028\ufffd' },
        ]),
      ],
      exit: 0,
    },
    {
      name: "what is printed does not reach the stream",
      states: all,
      steps: [
        ready,
        ...whole(1, { do: "print", text: "not a frame" }, [{ record_type: "vector", printed: true }]),
      ],
      exit: 0,
    },
    {
      name: "a run that fails after a record",
      states: ["fresh"],
      steps: [
        ready,
        send(input(1, { do: "raise", message: "ünfit" }, [hi])),
        answer(1, [{ record_type: "vector", before: true }], [], {
          failed: { message: "ünfit", reason: "raised" },
        }),
      ],
      exit: 0,
    },
    {
      name: "a run after one that failed",
      states: warm,
      steps: [
        ready,
        send(input(1, { do: "raise", message: "once" }, [hi])),
        answer(1, [{ record_type: "vector", before: true }], [], {
          failed: { message: "once", reason: "raised" },
        }),
        readyAgain,
        ...describe(2, [hi]),
        readyAgain,
        close,
      ],
      exit: 0,
    },
    {
      name: "reuse keeps the memory of the process",
      states: ["reuse"],
      steps: [
        ready,
        ...whole(1, { do: "remember" }, [{ record_type: "vector", runs: 1 }]),
        readyAgain,
        ...whole(2, { do: "remember" }, [{ record_type: "vector", runs: 2 }]),
        readyAgain,
        close,
      ],
      exit: 0,
    },
    {
      name: "fork forgets",
      states: ["fork"],
      steps: [
        ready,
        ...whole(1, { do: "remember" }, [{ record_type: "vector", runs: 1 }]),
        readyAgain,
        ...whole(2, { do: "remember" }, [{ record_type: "vector", runs: 1 }]),
        readyAgain,
        close,
      ],
      exit: 0,
    },
    badInput("a kind that is not known", frame(0x7f, 1, "{}")),
    badInput("a kind that only a guest sends", frame(RECORDS, 1, "{}\n")),
    badInput("raw before run", frame(RAW, 1, "abc")),
    badInput(
      "raw of another run",
      input(1, { do: "nothing" }, [hi])[0] ?? Buffer.alloc(0),
      frame(RAW, 2, "abc"),
    ),
    badInput(
      "a run inside a run",
      input(1, { do: "nothing" }, [hi])[0] ?? Buffer.alloc(0),
      frame(RUN, 2, "{}"),
    ),
    badInput("a length above the highest", frame(RUN, 1, "", 0xffffffff)),
  ];
}

function raw(id: string, content: string | Buffer, mimeTypes: readonly string[] = []): RawInput {
  return { id, mimeTypes, content: Buffer.from(content) };
}

function described({ id, mimeTypes, content }: RawInput): unknown {
  const sha256 = createHash("sha256").update(content).digest("hex");
  return { record_type: "vector", id, mime_types: mimeTypes, size: content.length, sha256 };
}

function meta(what: object): unknown {
  return {
    id: "5a2b4dc8-6f0b-4a5b-8f0f-0f4f4f6a9c11",
    raw_data: {
      id: "r1",
      boefje_meta: {
        id: "0c1d9b7e-3c52-4b6b-9d63-8a1f7d1f0a22",
        started_at: "2025-11-01T12:00:00Z",
        ended_at: "2025-11-01T12:00:07Z",
        boefje: { id: "nmap", version: null },
        input_ooi: "Hostname|internet|example.com",
        arguments: { input: what },
        organization: "org",
      },
      mime_types: [{ value: "boefje/nmap" }],
    },
    normalizer: { id: "vectors", version: null },
    started_at: "2025-11-01T12:00:08Z",
    ended_at: null,
  };
}

/** The frames of one run: `run`, `raw`s of at most `pieceBytes`, and the empty `raw`. */
function input(run: number, what: object, raws: readonly RawInput[], pieceBytes = 65_536): Buffer[] {
  const list = raws.map(({ id, mimeTypes, content }) => ({
    id,
    size: content.length,
    mime_types: mimeTypes,
  }));
  const frames = [frame(RUN, run, JSON.stringify({ protocol: 1, meta: meta(what), raws: list }))];
  for (const { content } of raws) {
    for (let at = 0; at < content.length; at += pieceBytes) {
      frames.push(frame(RAW, run, content.subarray(at, at + pieceBytes)));
    }
  }
  return [...frames, frame(RAW, run, "")];
}

function answer(
  run: number,
  records: readonly unknown[],
  logs: readonly { readonly level: string; readonly message: string }[] = [],
  end: Extract<Step, { expect: "run" }>["end"] = { done: true },
): Step {
  return { expect: "run", run, records, logs, end };
}

function cut(bytes: Buffer, places: readonly number[]): Step[] {
  return [0, ...places].map((start, index) => ({
    send: bytes.subarray(start, places[index] ?? bytes.length).toString("hex"),
  }));
}
