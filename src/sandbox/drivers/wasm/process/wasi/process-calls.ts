import { getRandomValues } from "node:crypto";

import type { Call, CallContext } from "./create-wasi.ts";
import type { InputStream } from "./descriptors.ts";
import { ERRNO, GuestExit, WasiError } from "./errno.ts";

const NS_PER_MS = 1_000_000n;
/** What `getRandomValues` gives at once. */
const RANDOM_MAX_BYTES = 65_536;
export const CLOCK = { realtime: 0, monotonic: 1, cpuOfProcess: 2, cpuOfThread: 3 } as const;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const SUBSCRIPTIONS_MAX = 1024;
const EVENT = { clock: 0, read: 1, write: 2 } as const;
const ABSOLUTE_TIME = 1;

/** Arguments, environment, clocks, random numbers, waiting, the end; and that there are no sockets. */
export function processCalls(context: CallContext): Readonly<Record<string, Call>> {
  const { memory, options } = context;
  const args = options.args.map(zeroEnded);
  const environment = Object.entries(options.env).map(([name, value]) => zeroEnded(`${name}=${value}`));
  const noSockets = (): void => {
    throw new WasiError("notSupported");
  };
  return {
    args_sizes_get: (count: number, size: number) => writeSizes(context, args, count, size),
    args_get: (pointers: number, buffer: number) => writeTexts(context, args, pointers, buffer),
    environ_sizes_get: (count: number, size: number) => writeSizes(context, environment, count, size),
    environ_get: (pointers: number, buffer: number) => writeTexts(context, environment, pointers, buffer),
    clock_res_get: (id: number, at: number) => {
      readClock(id, context.cpu.startUs);
      memory().set64(at, 1000n);
    },
    clock_time_get: (id: number, _precision: bigint, at: number) => {
      memory().set64(at, readClock(id, context.cpu.startUs));
    },
    random_get: (at: number, length: number) => {
      const target = memory().bytes(at, length);
      for (let done = 0; done < target.length; done += RANDOM_MAX_BYTES) {
        getRandomValues(target.subarray(done, done + RANDOM_MAX_BYTES));
      }
    },
    sched_yield: () => {},
    proc_exit: (code: number) => {
      throw new GuestExit(code >>> 0);
    },
    proc_raise: () => {
      throw new WasiError("notImplemented");
    },
    poll_oneoff: (subscriptions: number, events: number, count: number, happened: number) => {
      poll(context, subscriptions >>> 0, events >>> 0, count >>> 0, happened);
    },
    sock_accept: noSockets,
    sock_recv: noSockets,
    sock_send: noSockets,
    sock_shutdown: noSockets,
  };
}

function zeroEnded(text: string): Uint8Array {
  return new TextEncoder().encode(`${text}\0`);
}

function writeSizes(
  { memory }: CallContext,
  texts: readonly Uint8Array[],
  count: number,
  size: number,
): void {
  memory().set32(count, texts.length);
  memory().set32(
    size,
    texts.reduce((sum, text) => sum + text.length, 0),
  );
}

function writeTexts(
  { memory }: CallContext,
  texts: readonly Uint8Array[],
  pointers: number,
  buffer: number,
): void {
  let at = buffer >>> 0;
  for (const [index, text] of texts.entries()) {
    memory().set32((pointers >>> 0) + 4 * index, at);
    memory().bytes(at, text.length).set(text);
    at += text.length;
  }
}

/**
 * Nanoseconds.
 * @param cpuStartUs of processor time that is not the run's: its thread has run others, and shall not tell how long
 */
export function readClock(id: number, cpuStartUs = 0): bigint {
  switch (id) {
    case CLOCK.realtime:
      return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
    case CLOCK.monotonic:
      return process.hrtime.bigint();
    case CLOCK.cpuOfProcess:
    case CLOCK.cpuOfThread:
      return BigInt(cpuUs() - cpuStartUs) * 1000n;
    default:
      throw new WasiError("invalid");
  }
}

/** Of this thread, microseconds. */
export function cpuUs(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

interface Happening {
  readonly user: bigint;
  readonly kind: number;
  readonly errno: number;
  readonly bytes: number;
}

/** Waits for the first of what is subscribed to. */
function poll(context: CallContext, at: number, events: number, count: number, happened: number): void {
  if (count === 0 || count > SUBSCRIPTIONS_MAX) throw new WasiError("invalid");
  const ready: Happening[] = [];
  const clocks: { readonly user: bigint; readonly dueNs: bigint }[] = [];
  const inputs: { readonly user: bigint; readonly stream: InputStream }[] = [];
  for (let index = 0; index < count; index += 1) {
    const { view } = context.memory();
    const entry = at + SUBSCRIPTION_BYTES * index;
    const user = view.getBigUint64(entry, true);
    const kind = view.getUint8(entry + 8);
    if (kind === EVENT.clock) {
      const timeout = view.getBigUint64(entry + 24, true);
      const isAbsolute = (view.getUint16(entry + 40, true) & ABSOLUTE_TIME) !== 0;
      const now = readClock(view.getUint32(entry + 16, true), context.cpu.startUs);
      const leftNs = isAbsolute ? timeout - now : timeout;
      clocks.push({ user, dueNs: process.hrtime.bigint() + (leftNs < 0n ? 0n : leftNs) });
    } else if (kind === EVENT.read || kind === EVENT.write) {
      const found = descriptorOrErrno(context, view.getUint32(entry + 16, true));
      if (typeof found === "number") ready.push({ user, kind, errno: found, bytes: 0 });
      else if (kind === EVENT.read && found.kind === "input") inputs.push({ user, stream: found });
      else ready.push({ user, kind, errno: ERRNO.success, bytes: 1 });
    } else {
      throw new WasiError("invalid");
    }
  }
  if (ready.length === 0) waitFor(clocks, inputs);
  const nowNs = process.hrtime.bigint();
  for (const { user, dueNs } of clocks) {
    if (dueNs <= nowNs) ready.push({ user, kind: EVENT.clock, errno: ERRNO.success, bytes: 0 });
  }
  for (const { user, stream } of inputs) {
    const { length, ended } = stream.ring;
    if (length > 0 || ended) ready.push({ user, kind: EVENT.read, errno: ERRNO.success, bytes: length });
  }
  const { view } = context.memory();
  for (const [index, { user, kind, errno, bytes }] of ready.entries()) {
    const entry = events + EVENT_BYTES * index;
    context.memory().bytes(entry, EVENT_BYTES).fill(0);
    view.setBigUint64(entry, user, true);
    view.setUint16(entry + 8, errno, true);
    view.setUint8(entry + 10, kind);
    view.setBigUint64(entry + 16, BigInt(bytes), true);
  }
  context.memory().set32(happened, ready.length);
}

function descriptorOrErrno(
  { descriptors }: CallContext,
  number: number,
): ReturnType<Descriptors["get"]> | number {
  try {
    return descriptors.get(number);
  } catch {
    return ERRNO.badDescriptor;
  }
}

function waitFor(
  clocks: readonly { readonly dueNs: bigint }[],
  inputs: readonly { readonly stream: InputStream }[],
): void {
  const dueNs = clocks.reduce<bigint | null>(
    (first, { dueNs: one }) => (first === null || one < first ? one : first),
    null,
  );
  const [input] = inputs;
  for (;;) {
    const leftNs = dueNs === null ? null : dueNs - process.hrtime.bigint();
    if (leftNs !== null && leftNs <= 0n) return;
    if (inputs.some(({ stream }) => stream.ring.length > 0 || stream.ring.ended)) return;
    const leftMs = leftNs === null ? Infinity : Number(leftNs / NS_PER_MS) + 1;
    if (input === undefined) Atomics.wait(NEVER, 0, 0, leftMs);
    else input.stream.ring.waitForNews(leftMs);
  }
}

/** Nobody notifies it. */
const NEVER = new Int32Array(new SharedArrayBuffer(4));

type Descriptors = CallContext["descriptors"];
