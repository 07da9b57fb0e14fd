/**
 * The normalizer as a WebAssembly component of the world `whiskers:normalizer` (protocol/wit): what `whiskers build --wasm`
 * puts around it. There is no Node.js and no event loop: promises are settled by whoever calls this.
 */
import { Buffer } from "node:buffer";

import { collect } from "../collect.ts";
import { failurePayload } from "../failure.ts";
import { RECORDS } from "../frames.ts";
import { attachLog } from "../log.ts";
import { withShortCuts } from "../meta.ts";
import { RunOutput } from "../run-output.ts";

/** The interface `output` that the component imports. */
export interface ComponentOutput {
  readonly records: (lines: Uint8Array) => void;
  readonly log: (level: string, message: string) => void;
}

interface ComponentRaw {
  readonly id: string;
  readonly mimeTypes: readonly string[];
  readonly content: Uint8Array;
}

/** Thrown, it is the error of `run`'s result. */
interface Failure {
  readonly type: string;
  readonly message: string;
  readonly stack: string;
  readonly outOfMemory: boolean;
}

/** What was logged when there was no run: when the component was built. */
const early: [level: string, message: string][] = [];
const keep = (level: string, message: string): void => {
  early.push([level, message]);
};
attachLog(keep);

/**
 * @param settle runs all that waits for promises
 * @throws Failure
 */
export function runComponent(
  normalizer: unknown,
  host: { readonly output: ComponentOutput; readonly settle: () => void },
  meta: string,
  raws: readonly ComponentRaw[],
): void {
  const { output, settle } = host;
  attachLog((level, message) => {
    output.log(level, message);
  });
  for (const [level, message] of early.splice(0)) output.log(level, message);
  const ended: { failure: Failure | null } = { failure: NEVER_SETTLED };
  void workToEnd(normalizer, output, meta, raws, ended);
  settle();
  attachLog(keep);
  // oxlint-disable-next-line typescript/only-throw-error -- so the component model has it
  if (ended.failure !== null) throw ended.failure;
}

const NEVER_SETTLED: Failure = {
  type: "NeverSettled",
  message: "nothing is left to do, and it still waits for a promise",
  stack: "",
  outOfMemory: false,
};

async function workToEnd(
  normalizer: unknown,
  output: ComponentOutput,
  meta: string,
  raws: readonly ComponentRaw[],
  ended: { failure: Failure | null },
): Promise<void> {
  try {
    await work(normalizer, output, meta, raws);
    ended.failure = null;
  } catch (error) {
    ended.failure = failureOf(error);
  }
}

async function work(
  normalizer: unknown,
  output: ComponentOutput,
  meta: string,
  raws: readonly ComponentRaw[],
): Promise<void> {
  if (typeof normalizer !== "function") throw new TypeError("the normalizer is no function");
  const files = raws.map(({ id, mimeTypes, content }) => ({
    id,
    mimeTypes,
    content: Buffer.from(content.buffer, content.byteOffset, content.byteLength),
  }));
  // No frames: who runs the component makes them.
  const gathered = new RunOutput(null, 1, (kind, payload) => {
    if (kind === RECORDS) output.records(Buffer.from(payload));
  });
  const withRaws = withShortCuts(JSON.parse(meta) as object, files);
  await collect(
    Reflect.apply(normalizer, undefined, [withRaws, files[0]?.content ?? Buffer.alloc(0)]),
    gathered,
  );
  await gathered.finish();
}

/** As QuickJS says it. */
const OUT_OF_MEMORY = /^out of memory$/u;

function failureOf(error: unknown): Failure {
  const { type, message, stack, reason } = JSON.parse(failurePayload(error, false)) as {
    readonly type: string;
    readonly message: string;
    readonly stack: string;
    readonly reason: string;
  };
  return { type, message, stack, outOfMemory: reason === "memory" || OUT_OF_MEMORY.test(message) };
}
