import type { RunOutput } from "./run-output.ts";

/** Takes records from whatever a normalizer may return. */
export async function collect(returned: unknown, output: RunOutput): Promise<void> {
  const result: unknown = await returned;
  if (result === undefined || result === null) return;
  if (typeof result !== "object") {
    throw new TypeError(`the normalizer gave a ${typeof result} instead of records`);
  }
  if (isIterable(result)) {
    for (const record of result) {
      const sent = output.record(record);
      if (sent !== undefined) await sent;
    }
  } else if (isAsyncIterable(result)) {
    for await (const record of result) {
      const sent = output.record(record);
      if (sent !== undefined) await sent;
    }
  } else {
    await output.record(result);
  }
}

function isIterable(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value;
}

function isAsyncIterable(value: object): value is AsyncIterable<unknown> {
  return Symbol.asyncIterator in value;
}
