/** Frames of the guest protocol, version 1, as this thread speaks them for a component: protocol/README.md. */
import type { Ring } from "../ring.ts";

export const FRAME = {
  run: 0x01,
  raw: 0x02,
  ready: 0x10,
  records: 0x11,
  log: 0x12,
  done: 0x13,
  failed: 0x14,
} as const;

export const PAYLOAD_MAX_BYTES = 16 * 1024 * 1024;
const HEADER_BYTES = 9;

export interface Frame {
  readonly kind: number;
  readonly run: number;
  readonly payload: Uint8Array;
}

/** The next frame; null: the host has no more. */
export function readFrame(input: Ring): Frame | null {
  const header = new Uint8Array(HEADER_BYTES);
  if (!fill(input, header)) return null;
  const view = new DataView(header.buffer);
  const payload = new Uint8Array(view.getUint32(0));
  if (!fill(input, payload)) return null;
  return { kind: view.getUint8(4), run: view.getUint32(5), payload };
}

export function writeFrame(output: Ring, kind: number, run: number, payload: Uint8Array): void {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setUint32(0, payload.length);
  view.setUint8(4, kind);
  view.setUint32(5, run);
  output.writeAll(header);
  output.writeAll(payload);
}

function fill(input: Ring, target: Uint8Array): boolean {
  for (let done = 0; done < target.length;) {
    const count = input.readSome(target.subarray(done));
    if (count === 0) return false;
    done += count;
  }
  return true;
}
