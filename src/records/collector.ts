import { Buffer } from "node:buffer";

import type { Limits } from "../domain/limits.ts";
import type { Records } from "../domain/record.ts";
import { assemble } from "./assemble.ts";
import type { Draft } from "./draft.ts";
import { followLinks, indexId } from "./follow-links.ts";
import { startPacer } from "./pacer.ts";
import { parseJson } from "./parse-json.ts";
import { Problem } from "./problem.ts";
import { readRecord } from "./read-record.ts";
import type { ReadRecord } from "./read-record.ts";
import { RecordTexts } from "./record-texts.ts";
import { Rejections } from "./rejections.ts";

/** Takes the records of one run while it runs; the sandbox layer's `RecordSink` with an end. */
export interface RecordCollector {
  /** Keeps whole lines of JSON Lines. Nothing is read yet: a run's time is its own. */
  push(lines: Buffer): void;
  /** Keeps a piece of what a program of the plain form printed. */
  pushPlain(chunk: Buffer): void;
  /** All was printed. Returns how many records it holds, valid or not. */
  endPlain(): number;
  /** Records so far, valid or not. Whoever feeds the collector holds this against `limits.records`. */
  readonly count: number;
  /** Of what the records came as. */
  readonly bytes: number;
  /**
   * Reads, checks and normalises all records, follows references, merges variants. Call it once. Records
   * beyond `limits.records` are not looked at. Gives way to the event loop every few milliseconds.
   */
  finish(): Promise<Records>;
  /** Time that `finish` spent on reading JSON, milliseconds. */
  readonly decodeMs: number;
}

/** A collector for the records of one run, against the schema `openkat/1`. */
export function openCollector(options: {
  readonly limits: Pick<Limits, "records" | "outputBytes" | "jsonDepth">;
}): RecordCollector {
  return new Collector(options.limits);
}

/** A run with a small limit on its output may still refer to its own objects. */
const LEAST_KEY_LENGTH = 64 * 1024 * 1024;

class Collector implements RecordCollector {
  readonly #limits: Pick<Limits, "records" | "outputBytes" | "jsonDepth">;
  readonly #texts = new RecordTexts();
  #plain: Buffer[] = [];
  #decodeMs = 0;

  constructor(limits: Pick<Limits, "records" | "outputBytes" | "jsonDepth">) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#texts.count;
  }

  get bytes(): number {
    return this.#texts.bytes;
  }

  get decodeMs(): number {
    return this.#decodeMs;
  }

  push(lines: Buffer): void {
    this.#texts.addLines(lines);
  }

  pushPlain(chunk: Buffer): void {
    this.#plain.push(chunk);
  }

  endPlain(): number {
    const output = Buffer.concat(this.#plain);
    this.#plain = [];
    return this.#texts.addPlain(output);
  }

  async finish(): Promise<Records> {
    // A plain program that was ended: what it printed until then is there to be read.
    if (this.#plain.length > 0) this.endPlain();
    const rejections = new Rejections();
    const pacer = startPacer();
    const read: ReadRecord[] = [];
    const byId = new Map<string, Draft>();
    const linked: Draft[] = [];
    for (const record of this.#readAll(rejections)) {
      if (record !== null) read.push(record);
      if (record !== null && "draft" in record) {
        indexId(record.draft, byId, rejections);
        if (record.draft.links.length > 0) linked.push(record.draft);
      }
      if (pacer.isDue()) await pacer.rest();
    }
    const mostKeyLength = Math.max(this.#limits.outputBytes, LEAST_KEY_LENGTH);
    for (const _ of followLinks(linked, byId, rejections, mostKeyLength)) {
      if (pacer.isDue()) await pacer.rest();
    }
    return assemble(read, byId, rejections, pacer);
  }

  *#readAll(rejections: Rejections): Generator<ReadRecord | null, void> {
    let index = 0;
    for (const text of this.#texts) {
      if (index >= this.#limits.records) return;
      const beganMs = performance.now();
      const value = parseJson(text, this.#limits.jsonDepth);
      this.#decodeMs += performance.now() - beganMs;
      yield this.#read(value, index, rejections);
      index += 1;
    }
  }

  #read(value: unknown, index: number, rejections: Rejections): ReadRecord | null {
    if (value instanceof Problem) {
      rejections.add(index, value, null);
      return null;
    }
    return readRecord(value, index, {
      add: (problem, typeName) => {
        rejections.add(index, problem, typeName);
      },
      get full() {
        return rejections.full;
      },
    });
  }
}
