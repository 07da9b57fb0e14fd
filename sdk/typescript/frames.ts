/** Frames of the guest protocol, version 1 (protocol/README.md), as a guest sees them. */
import { Buffer } from "node:buffer";

export const RUN = 0x01;
export const RAW = 0x02;
export const DEBUG_IN = 0x04;
export const READY = 0x10;
export const RECORDS = 0x11;
export const LOG = 0x12;
export const DONE = 0x13;
export const FAILED = 0x14;
export const DEBUG_OUT = 0x16;

export const PAYLOAD_MAX_BYTES = 16 * 1024 * 1024;
const HEADER_BYTES = 9;

/** The host sent what the guest does not understand. */
export class BadInput extends Error {
  override readonly name = "BadInput";
}

/** Both directions of the protocol's stream. */
export interface GuestStream {
  /** Fills all of `target`. `false`: the stream ended before its first byte. @throws BadInput it ended later */
  fill(target: Buffer): boolean | Promise<boolean>;
  /** Writes all of it, or says when more may follow. */
  write(bytes: Buffer): void | Promise<void>;
}

export interface FrameHeader {
  readonly kind: number;
  readonly run: number;
  readonly length: number;
}

export function encodeFrame(kind: number, run: number, payload: string): Buffer {
  const length = Buffer.byteLength(payload);
  const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
  frame.writeUInt32BE(length, 0);
  frame.writeUInt8(kind, 4);
  frame.writeUInt32BE(run, 5);
  frame.write(payload, HEADER_BYTES);
  return frame;
}

/** The next frame's header, or null at the end of the stream. */
export async function readHeader(stream: GuestStream): Promise<FrameHeader | null> {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  if (!(await stream.fill(header))) return null;
  const length = header.readUInt32BE(0);
  if (length > PAYLOAD_MAX_BYTES) throw new BadInput(`a frame of ${length} bytes`);
  return { length, kind: header.readUInt8(4), run: header.readUInt32BE(5) };
}

/** Fills `target` from inside a frame, where the stream may not end. */
export async function readPayload(stream: GuestStream, target: Buffer): Promise<void> {
  if (target.length > 0 && !(await stream.fill(target)))
    throw new BadInput("the stream ended inside a frame");
}
