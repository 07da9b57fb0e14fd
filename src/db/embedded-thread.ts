/** The thread of the embedded database: makes a new cluster, or opens one and does what it is ordered, in turn. */
import { setFlagsFromString } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";

import { PGlite } from "@electric-sql/pglite";

import { messageOf } from "../domain/unknown.ts";

export interface EmbeddedThreadData {
  readonly directory: string;
  readonly work: "initialise" | "serve";
}

export interface EmbeddedOrder {
  /** `script`: several statements without values. `close`: the last order. */
  readonly kind: "query" | "script" | "close";
  readonly statement: string;
  readonly values: readonly unknown[];
}

/** Answers come in the order of what was ordered. */
export type EmbeddedAnswer =
  | { readonly ok: true; readonly rows: readonly object[] }
  /** `fields`: what PostgreSQL says of it, such as `code`. */
  | { readonly ok: false; readonly message: string; readonly fields: Readonly<Record<string, unknown>> };

/**
 * V8's second compiler takes 500 MB to translate PostgreSQL's largest functions, and as much processor time as 400
 * transactions; what it makes is hardly faster than what the first one makes. These are of the whole process: in it is
 * no other WebAssembly that works much.
 */
const V8_FLAGS = ["--no-wasm-tier-up", "--no-wasm-dynamic-tiering", "--liftoff-only"];
/**
 * PostgreSQL touches all of its buffers by and by: 128 MB unless it is told otherwise. What is not in them is in the
 * operating system's cache.
 */
const SHARED_BUFFERS = "16MB";

if (parentPort !== null) await main(parentPort, workerData as EmbeddedThreadData);

async function main(
  port: NonNullable<typeof parentPort>,
  { directory, work }: EmbeddedThreadData,
): Promise<void> {
  for (const flag of V8_FLAGS) setFlagsFromString(flag);
  const pglite = await PGlite.create({
    dataDir: directory,
    startParams: [...PGlite.defaultStartParams, "-c", `shared_buffers=${SHARED_BUFFERS}`],
  });
  if (work === "initialise") {
    await pglite.close();
    return;
  }
  // One after another, also when several come before the first is done.
  let last: Promise<void> = Promise.resolve();
  port.on("message", (order: EmbeddedOrder) => {
    last = carryOutAfter(last, order);
  });

  async function carryOutAfter(before: Promise<void>, order: EmbeddedOrder): Promise<void> {
    await before;
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a window; a thread's port has none
    port.postMessage(await answerTo(pglite, order));
    if (order.kind === "close") port.close();
  }
}

async function answerTo(pglite: PGlite, order: EmbeddedOrder): Promise<EmbeddedAnswer> {
  try {
    return { ok: true, rows: await carryOut(pglite, order) };
  } catch (error) {
    // What is not plain data cannot be sent.
    const entries = error instanceof Error ? Object.entries(error) : [];
    const fields = Object.fromEntries(entries.filter(([, value]) => typeof value === "string"));
    return { ok: false, message: messageOf(error), fields };
  }
}

async function carryOut(
  pglite: PGlite,
  { kind, statement, values }: EmbeddedOrder,
): Promise<readonly object[]> {
  switch (kind) {
    case "query":
      return (await pglite.query<object>(statement, [...values])).rows;
    case "script":
      return (await pglite.exec(statement)).flatMap(({ rows }) => rows as readonly object[]);
    case "close":
      await pglite.close();
      return [];
  }
}
