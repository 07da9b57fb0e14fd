import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import type { Writable } from "node:stream";
import { Worker } from "node:worker_threads";

import { WhiskersError } from "../../../errors.ts";
import type { Ending, OpenRequest, Prepared, Sandbox } from "../../driver.ts";
import { NO_PROTECTIONS } from "./no-protections.ts";
import type { InlineParts } from "./open-process.ts";
import type { GuestThreadData } from "./guest-thread.ts";

const MIB = 1024 * 1024;

/** A JavaScript guest in a thread of this process. @throws WhiskersError `sandbox-failed` */
export async function openThread(
  prepared: Prepared,
  request: OpenRequest,
  parts: InlineParts,
): Promise<Sandbox> {
  const { guest } = prepared.pkg.manifest;
  if (guest.kind !== "javascript")
    throw new WhiskersError("sandbox-failed", "only JavaScript runs in a thread");
  const workerData: GuestThreadData = {
    serve: new URL("typescript/serve.ts", `file://${parts.sdkFolder}/`).href,
    folder: prepared.pkg.folder,
    dependencies: prepared.pkg.dependencies?.folder ?? null,
    entrypoint: `${guest.file}:${guest.export}`,
    state: request.state === "reuse" ? "reuse" : "fresh",
    loads: prepared.pkg.loadsLate === true ? "late" : "ahead",
  };
  const worker = new Worker(new URL("guest-thread.ts", import.meta.url), {
    workerData,
    env: { PATH: parts.searchPath, HOME: "/tmp", LANG: "C.UTF-8" },
    stdin: true,
    stdout: true,
    stderr: true,
    execArgv: ["--no-warnings"],
    resourceLimits: { maxOldGenerationSizeMb: Math.max(32, Math.floor(request.limits.memoryBytes / MIB)) },
  });
  const ended = watchEnd(worker);
  await Promise.race([once(worker, "online"), ended]);
  const output = receive(worker);
  const errors = new PassThrough();
  // What it prints on either is its log.
  worker.stdout.pipe(errors, { end: false });
  worker.stderr.pipe(errors, { end: false });
  void ended.then(() => errors.end());
  let closed: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    await worker.terminate();
    await ended;
  };
  return {
    id: parts.id,
    runtime: { driver: "inline", version: `node ${process.versions.node}` },
    protections: NO_PROTECTIONS,
    input: inputOf(worker),
    output,
    errors,
    ended,
    signal: () => void worker.terminate(),
    usage: () => Promise.resolve({ cpuMs: null, peakMemoryBytes: null }),
    close: () => (closed ??= stop()),
  };
}

function inputOf(worker: Worker): Writable {
  const { stdin } = worker;
  if (stdin === null) throw new Error("no stream");
  stdin.on("error", () => {});
  return stdin;
}

function watchEnd(worker: Worker): Promise<Ending> {
  return new Promise((resolve) => {
    let outOfMemory = false;
    worker.on("error", (error: Error & { readonly code?: string }) => {
      outOfMemory ||= error.code === "ERR_WORKER_OUT_OF_MEMORY";
    });
    worker.once("exit", (exitCode) => {
      resolve({ exitCode, signal: null, outOfMemory, runtimeError: null });
    });
  });
}

/** A thread has no origin, unlike a window. */
// oxlint-disable unicorn/require-post-message-target-origin
/** The thread sends a chunk and waits until it is asked for the next: back-pressure reaches the guest. */
function receive(worker: Worker): Readable {
  let owed = 0;
  const output = new Readable({
    read() {
      for (; owed > 0; owed -= 1) worker.postMessage("more");
    },
  });
  worker.on("message", (chunk: Uint8Array) => {
    owed += 1;
    if (output.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))) {
      owed -= 1;
      worker.postMessage("more");
    }
  });
  worker.once("exit", () => {
    output.push(null);
  });
  return output;
}
