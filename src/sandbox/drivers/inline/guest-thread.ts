/** The thread of a JavaScript guest. Its standard output stays free for what the normalizer prints. */
import { Writable } from "node:stream";
import type { Readable } from "node:stream";
import { parentPort, workerData } from "node:worker_threads";

export interface GuestThreadData {
  /** URL of the SDK's module. */
  readonly serve: string;
  readonly folder: string;
  readonly dependencies: string | null;
  readonly entrypoint: string;
  readonly state: "fresh" | "reuse";
  readonly loads: "ahead" | "late";
}

interface Sdk {
  serve(input: Readable, output: Writable, options: Omit<GuestThreadData, "serve">): Promise<boolean>;
}

const port = parentPort;
if (port === null) throw new Error("this is a thread of the inline driver");
const { serve: url, ...options } = workerData as GuestThreadData;

let next: (() => void) | null = null;
port.on("message", () => {
  const go = next;
  next = null;
  go?.();
});
const output = new Writable({
  write(chunk: Uint8Array, _encoding, callback) {
    next = callback;
    port.postMessage(chunk);
  },
});

const sdk = (await import(url)) as Sdk;
const succeeded = await sdk.serve(process.stdin, output, options);
await new Promise<void>((resolve) => {
  output.end(resolve);
});
process.exit(succeeded ? 0 : 1);
