/**
 * Runs a normalizer once by the plain form (protocol/README.md): `node plain.ts < raw`, with WHISKERS_PACKAGE and
 * WHISKERS_ENTRYPOINT set. The meta is in the file that WHISKERS_META names; not set: it follows from the raw file, as
 * in `whiskers run`. Records go to standard output, what is printed and logged to standard error; status 0 or 1.
 * An image that `whiskers build` made starts this when nobody says otherwise.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";

import { collect } from "./collect.ts";
import { descriptorStream } from "./descriptor-stream.ts";
import { RECORDS } from "./frames.ts";
import { loadFunction } from "./load-function.ts";
import { attachLog } from "./log.ts";
import { withShortCuts } from "./meta.ts";
import { RunOutput } from "./run-output.ts";

const FOLDER = process.env["WHISKERS_PACKAGE"] ?? "";
const NO_TIME = "1970-01-01T00:00:00Z";

const printed = process.stderr;
Object.defineProperty(process, "stdout", { get: () => printed, configurable: true });
Object.defineProperty(process, "stdin", { get: () => Readable.from([]), configurable: true });

process.on("beforeExit", () => {
  printed.write("nothing is left to do, and the normalizer still waits for a promise\n");
  process.exit(1);
});

try {
  const stream = descriptorStream(0, 1);
  const content = readFileSync(0);
  const run = await loadFunction(
    FOLDER,
    process.env["WHISKERS_ENTRYPOINT"] ?? "",
    process.env["WHISKERS_DEPENDENCIES"] ?? null,
  );
  const meta = readMeta(content);
  const { id, mime_types: types } = meta.raw_data;
  const raws = [{ id, mimeTypes: types.map(({ value }) => value), content }];
  // Records as they are, without frames around them.
  const output = new RunOutput(stream, 1, (kind, payload) =>
    kind === RECORDS ? stream.write(Buffer.from(payload)) : undefined,
  );
  attachLog((level, message) => {
    printed.write(`${level}: ${message}\n`);
  });
  if (typeof run !== "function") throw new TypeError("the normalizer is no function");
  await collect(Reflect.apply(run, undefined, [withShortCuts(meta, raws), content]), output);
  await output.finish();
  process.exit(0);
} catch (error) {
  printed.write(`${error instanceof Error ? error.stack : String(error)}\n`, () => process.exit(1));
}

interface PlainMeta {
  readonly raw_data: { readonly id: string; readonly mime_types: readonly { readonly value: string }[] };
}

function readMeta(content: Buffer): PlainMeta {
  const file = process.env["WHISKERS_META"];
  if (file !== undefined && file !== "") return JSON.parse(readFileSync(file, "utf8")) as PlainMeta;
  const manifest = JSON.parse(readFileSync(join(FOLDER, "normalizer.json"), "utf8")) as {
    readonly id: string;
    readonly version?: string | null;
  };
  return inventedMeta(manifest.id, manifest.version ?? null, content);
}

/** Of a raw file that nothing is known of. The same as the host makes: nothing in it but what follows from the file. */
function inventedMeta(normalizerId: string, version: string | null, content: Buffer): PlainMeta {
  const rawId = derivedId("raw", createHash("sha256").update(content).digest("hex"));
  const meta = {
    id: derivedId("normalizer-meta", `${normalizerId}\0${rawId}`),
    raw_data: {
      id: rawId,
      boefje_meta: {
        id: derivedId("boefje-meta", rawId),
        started_at: NO_TIME,
        ended_at: NO_TIME,
        boefje: { id: "manual", version: null },
        input_ooi: null,
        arguments: {},
        organization: "local",
        runnable_hash: null,
        environment: null,
      },
      mime_types: [{ value: "boefje/manual" }, { value: `normalizer/${normalizerId}` }],
      secure_hash: null,
      signing_provider_url: null,
      hash_retrieval_link: null,
    },
    normalizer: { id: normalizerId, version },
    started_at: NO_TIME,
    ended_at: null,
  };
  return meta;
}

/** A UUID of version 8, from the SHA-256 of what it names. */
function derivedId(kind: string, name: string): string {
  const bytes = createHash("sha256").update(`whiskers\0${kind}\0${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5");
}
