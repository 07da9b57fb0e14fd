import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

import { fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { type MockOpenKat, startMockOpenKat } from "../mock-openkat/start-mock-openkat.ts";
import { textOption, textsOption } from "./arguments.ts";
import { checkObject } from "./check-object.ts";
import type { Arguments, Command } from "./command.ts";

const ENDED = "2026-01-02T03:04:05.500000Z";
const INPUT = { object_type: "Hostname", network: "Network|internet", name: "example.com" };
const INPUT_KEY = "Hostname|internet|example.com";
const MOST_TASKS = 1_000_000;

export const command: Command = {
  help: `whiskers mock-openkat [OPTIONS]

OpenKAT's scheduler, raw file store and object graph as one strict in-memory server on loopback: checks what
it is sent as the real ones do, remembers it, and injects faults on demand. For tests and for trying things.
User name and password of Bytes are bytes and bytes.

  --ports M,B,O        ports for Mula, Bytes and Octopoes; default: any free ones
  --fill N             puts so many tasks into the queue
  --normalizer ID      normalizer of these tasks; may be given several times
  --raw TEXT           content of their raw files; @FILE is that of a file

Each service answers under /_mock: POST /_mock/faults with a fault, such as
{"match": "POST .*observations", "kind": "error", "rate": 0.1}, DELETE /_mock/faults, and what it got:
/_mock/tasks, /_mock/normalizer_metas, /_mock/received.

  whiskers mock-openkat --fill 100 --normalizer kat_dig_python
`,
  options: {
    ports: { type: "string" },
    fill: { type: "string" },
    normalizer: { type: "string", multiple: true },
    raw: { type: "string" },
  },
  positionals: [0, 0],
  async run(args, { out, signal }) {
    const ports = readPorts(args);
    const mock = await startMockOpenKat({ check: checkObject, ...(ports === null ? {} : { ports }) });
    try {
      mock.graphs.get("org")?.declare(INPUT_KEY, { ...INPUT, primary_key: INPUT_KEY });
      const count = await fill(mock, args);
      const { mula, bytes, octopoes } = mock.urls;
      const lines = [
        `SCHEDULER_API=${mula}`,
        `BYTES_API=${bytes}`,
        "BYTES_USERNAME=bytes",
        "BYTES_PASSWORD=bytes",
        `OCTOPOES_API=${octopoes}`,
      ];
      await out(`${lines.map((line) => `export ${line}`).join("\n")}\n# ${count} tasks are queued\n`);
      if (!signal.aborted) await once(signal, "abort");
      return 0;
    } finally {
      await mock.close();
    }
  },
};

function readPorts(args: Arguments): Readonly<Record<"mula" | "bytes" | "octopoes", number>> | null {
  const text = textOption(args, "ports");
  if (text === undefined) return null;
  const found = /^(?<mula>\d{1,5}),(?<bytes>\d{1,5}),(?<octopoes>\d{1,5})$/u.exec(text)?.groups;
  const ports = [found?.["mula"], found?.["bytes"], found?.["octopoes"]].map(Number);
  const [mula = -1, bytes = -1, octopoes = -1] = ports;
  if (ports.some((port) => !(port >= 0 && port <= 65_535))) {
    throw new WhiskersError(
      "usage",
      `--ports is ${JSON.stringify(text)}: expected three, such as 8001,8002,8003`,
    );
  }
  return { mula, bytes, octopoes };
}

/** @throws WhiskersError `usage` */
async function readRaw(given: string): Promise<Buffer> {
  if (!given.startsWith("@")) return Buffer.from(given);
  try {
    return await readFile(given.slice(1));
  } catch (cause) {
    throw new WhiskersError("usage", `--raw ${given}: ${fileTroubleOf(cause)}`, { cause });
  }
}

/** Returns how many tasks. */
async function fill(mock: MockOpenKat, args: Arguments): Promise<number> {
  const text = textOption(args, "fill") ?? "0";
  const count = /^\d{1,7}$/u.test(text) ? Number(text) : Infinity;
  const normalizers = textsOption(args, "normalizer") ?? [];
  if (count > MOST_TASKS)
    throw new WhiskersError("usage", `--fill is ${text}: expected at most ${MOST_TASKS}`);
  if (count > 0 && normalizers.length === 0) {
    throw new WhiskersError("usage", "--fill needs the id of a --normalizer");
  }
  const content = await readRaw(textOption(args, "raw") ?? "example\n");
  for (let index = 0; index < count; index += 1) {
    const normalizer = normalizers[index % normalizers.length] ?? "";
    mock.addWork({
      normalizer,
      content,
      inputOoi: INPUT_KEY,
      input: INPUT,
      endedAt: ENDED,
      id: randomUUID(),
    });
  }
  return count;
}
