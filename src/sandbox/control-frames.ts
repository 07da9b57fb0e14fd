import { isUtf8 } from "node:buffer";

import type { Models } from "../domain/outcome.ts";
import { cleanLines, cleanText } from "./clean-text.ts";
import type { Failed } from "./link.ts";

/** protocol/README.md "Frames": bounds on JSON that the host has to parse whole, bytes. */
const CONTROL_MAX_BYTES = 64 * 1024;
const FAILED_MAX_BYTES = 1024 * 1024;

const TYPE_MAX_LENGTH = 200;
const MESSAGE_MAX_LENGTH = 4096;
const STACK_MAX_LENGTH = 64 * 1024;

/** What is wrong with a frame that does not parse; for people, without text of the guest's. */
export class Malformed {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

export interface Ready {
  /** Null when the guest did not say. */
  readonly protocols: readonly number[] | null;
  readonly fork: boolean;
  /** Whose object classes an OpenKAT normalizer got; null: none. */
  readonly models: Models | null;
}

export function parseReady(payload: Buffer): Ready | Malformed {
  const value = parseObject(payload, CONTROL_MAX_BYTES);
  if (value instanceof Malformed) return value;
  const protocols = value["protocols"] ?? null;
  if (protocols !== null && !isIntegers(protocols)) {
    return new Malformed("`protocols` is not a list of integers");
  }
  const fork = value["fork"] ?? false;
  if (typeof fork !== "boolean") return new Malformed("`fork` is not true or false");
  const models = value["models"] ?? null;
  if (models !== null && models !== "installed" && models !== "stand-in") {
    return new Malformed("`models` is neither installed nor stand-in");
  }
  return { protocols, fork, models };
}

/** `records`: how many the guest says that it sent, or null. */
export function parseDone(payload: Buffer): { readonly records: number | null } | Malformed {
  const value = parseObject(payload, CONTROL_MAX_BYTES);
  if (value instanceof Malformed) return value;
  const records = value["records"] ?? null;
  if (records !== null && !isCount(records)) return new Malformed("`records` is not a count");
  return { records };
}

/**
 * @param loading sent before the first `ready`, where only `memory` and `load` make sense
 * @param loadsLate it may be `load` in a run
 */
export function parseFailed(payload: Buffer, loading: boolean, loadsLate = false): Failed | Malformed {
  const value = parseObject(payload, FAILED_MAX_BYTES);
  if (value instanceof Malformed) return value;
  const { type = "", message, stack = "", reason = loading ? "load" : "raised" } = value;
  if (typeof message !== "string") return new Malformed("`message` is not text");
  if (typeof type !== "string") return new Malformed("`type` is not text");
  if (typeof stack !== "string") return new Malformed("`stack` is not text");
  if (reason !== "raised" && reason !== "memory" && reason !== "load") {
    return new Malformed("`reason` is none of raised, memory, load");
  }
  if (reason === "load" && !loading && !loadsLate) return new Malformed("`reason` is load in a run");
  return {
    kind: "failed",
    reason: loading && reason === "raised" ? "load" : reason,
    type: cleanText(type, TYPE_MAX_LENGTH),
    message: cleanLines(message, MESSAGE_MAX_LENGTH),
    stack: cleanLines(stack, STACK_MAX_LENGTH),
  };
}

function parseObject(payload: Buffer, maxBytes: number): Record<string, unknown> | Malformed {
  if (payload.length > maxBytes)
    return new Malformed(`${payload.length} bytes; at most ${maxBytes} are allowed`);
  if (!isUtf8(payload)) return new Malformed("not UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(payload.toString("utf8"));
  } catch {
    return new Malformed("not JSON");
  }
  if (!isObject(value)) return new Malformed("not a JSON object");
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isIntegers(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isInteger(item));
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
