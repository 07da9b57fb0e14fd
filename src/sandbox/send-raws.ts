import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { open } from "node:fs/promises";
import { Socket } from "node:net";
import type { Writable } from "node:stream";

import type { Raw } from "../domain/raw.ts";
import { WhiskersError } from "../errors.ts";

/** Large enough that a system call per piece does not show, small enough for many runs at once. */
const PIECE_BYTES = 256 * 1024;
/** Up to this size a synchronous read takes less time than the trips to the thread pool would. */
const SMALL_BYTES = 64 * 1024;
/** O_NONBLOCK: opening a path that became a FIFO must not hang the host. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/**
 * Writes the bytes of raw files to a sandbox, in order, at the speed at which it reads: `write` puts
 * one piece on `input`, `end` what follows the last one. If all files are small, all is written before
 * it returns its promise. Stops early, without `end` and without error, when `stop` aborts or `input`
 * closes: a guest may end before it has read everything.
 * @throws WhiskersError `input-unreadable` a file cannot be read, or has not the size that was said
 */
export async function sendRaws(
  raws: readonly Raw[],
  input: Writable,
  write: (piece: Buffer) => void,
  end: () => void,
  stop: AbortSignal,
): Promise<void> {
  for (const raw of raws) {
    if (raw.content !== undefined || raw.sizeBytes <= SMALL_BYTES) {
      const content = raw.content ?? readSmall(raw);
      if (content.length > 0 && input.writable) write(content);
    } else {
      await sendLarge(raw, input, write, stop);
    }
  }
  if (input.writable && !stop.aborted) end();
}

function readSmall(raw: Raw): Buffer {
  let descriptor: number | null = null;
  try {
    descriptor = openSync(raw.path, OPEN_FLAGS);
    checkSize(raw, fstatSync(descriptor).size);
    const content = Buffer.allocUnsafe(raw.sizeBytes);
    let filled = 0;
    while (filled < content.length) {
      const read = readSync(descriptor, content, filled, content.length - filled, filled);
      if (read === 0) throw sizeError(raw, filled);
      filled += read;
    }
    return content;
  } catch (error) {
    throw unreadable(raw, error);
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

async function sendLarge(
  raw: Raw,
  input: Writable,
  write: (piece: Buffer) => void,
  stop: AbortSignal,
): Promise<void> {
  try {
    await using file = await open(raw.path, OPEN_FLAGS);
    checkSize(raw, (await file.stat()).size);
    const pieceBytes = Math.min(PIECE_BYTES, raw.sizeBytes);
    let piece: Buffer = Buffer.allocUnsafeSlow(pieceBytes);
    let before: Buffer | null = null;
    for (let sent = 0; sent < raw.sizeBytes;) {
      if (stop.aborted || !input.writable) return;
      // One is read while the other is written.
      const { bytesRead } = await file.read(piece, 0, Math.min(pieceBytes, raw.sizeBytes - sent), sent);
      if (bytesRead === 0) throw sizeError(raw, sent);
      if (input.writableNeedDrain) await drained(input, stop);
      if (stop.aborted || !input.writable) return;
      const next = before !== null && hasLetGo(input) ? before : Buffer.allocUnsafeSlow(pieceBytes);
      write(piece.subarray(0, bytesRead));
      sent += bytesRead;
      before = piece;
      piece = next;
    }
  } catch (error) {
    throw unreadable(raw, error);
  }
}

/**
 * Whether what was written is not looked at any more, and its memory can be used again: memory that is new costs more than all
 * else that is done with a piece. A socket has copied it into the kernel; any other stream may only have passed it on.
 */
function hasLetGo(input: Writable): boolean {
  return input instanceof Socket && input.writableLength === 0;
}

function drained(input: Writable, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      input.off("drain", finish);
      input.off("close", finish);
      stop.removeEventListener("abort", finish);
      resolve();
    };
    input.on("drain", finish);
    input.on("close", finish);
    stop.addEventListener("abort", finish);
    if (stop.aborted || input.destroyed) finish();
  });
}

function checkSize(raw: Raw, sizeBytes: number): void {
  if (sizeBytes !== raw.sizeBytes) throw sizeError(raw, sizeBytes);
}

function sizeError(raw: Raw, sizeBytes: number): WhiskersError {
  return new WhiskersError(
    "input-unreadable",
    `raw file ${raw.id} (${raw.path}) has ${sizeBytes} bytes, not the ${raw.sizeBytes} it had when it was taken in`,
  );
}

function unreadable(raw: Raw, error: unknown): WhiskersError {
  if (error instanceof WhiskersError) return error;
  return new WhiskersError("input-unreadable", `raw file ${raw.id} (${raw.path}) cannot be read`, {
    cause: error,
  });
}
