import { getRandomValues } from "node:crypto";

import { rootFolder } from "../wasi/create-wasi.ts";
import type { WasiOptions } from "../wasi/create-wasi.ts";
import { GuestExit } from "../wasi/errno.ts";
import { CLOCK, readClock } from "../wasi/process-calls.ts";
import { ComponentError } from "./component-error.ts";
import type { Interface } from "./component-error.ts";
import { filesystemInterfaces } from "./filesystem.ts";
import { Handles } from "./handles.ts";
import { OURS, Resource } from "./resource.ts";
import { InputStream, OutputStream, Pollable, ioInterfaces } from "./io.ts";
import type { Target } from "./io.ts";

/** What a random call gives at most: it must give all that is asked for, outside of the instance's memory. */
const RANDOM_MAX_BYTES = 16 * 1024 * 1024;
/** What `getRandomValues` gives at once. */
const RANDOM_PIECE_BYTES = 65_536;
const NS_PER_S = 1_000_000_000n;
const RESOLUTION_NS = 1000n;

export interface HostOptions extends Pick<
  WasiOptions,
  "env" | "shared" | "files" | "tmpBytes" | "openFiles"
> {
  /** What is printed, on either stream. */
  readonly print: Target;
  readonly output: Interface;
}

/**
 * WASI 0.2 as far as the world `whiskers:normalizer` offers it, by the names of its interfaces: the capabilities that
 * modules of preview 1 have. https://github.com/WebAssembly/WASI/tree/main/wasip2
 */
export function createHost(options: HostOptions): Readonly<Record<string, Interface>> {
  const handles = new Handles(options.openFiles);
  return withoutPrototypes({
    ...cliInterfaces(options),
    ...clockInterfaces(),
    ...randomInterfaces(),
    ...ioInterfaces(),
    ...filesystemInterfaces(rootFolder(options), handles),
    ...socketInterfaces(),
    "whiskers:normalizer/types": {},
    "whiskers:normalizer/output": options.output,
  });
}

/** A guest may import any name of them: none is there but what is listed. */
function withoutPrototypes(
  interfaces: Readonly<Record<string, Interface>>,
): Readonly<Record<string, Interface>> {
  const bare = <T>(object: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
    Object.assign(Object.create(null) as Record<string, T>, object);
  return bare(Object.fromEntries(Object.entries(interfaces).map(([name, one]) => [name, bare(one)])));
}

/** A resource of which there is none, or that can do nothing. */
class Nothing extends Resource {}

function cliInterfaces({ env, print }: HostOptions): Readonly<Record<string, Interface>> {
  const nowhere = (): undefined => undefined;
  const printed = (): OutputStream => new OutputStream(OURS, print);
  const exit = (code: number): never => {
    throw new GuestExit(code);
  };
  return {
    "wasi:cli/environment": {
      getEnvironment: () => Object.entries(env),
      getArguments: () => [],
      initialCwd: nowhere,
    },
    "wasi:cli/exit": {
      exit: (status: { readonly tag: string }) => exit(status.tag === "ok" ? 0 : 1),
      exitWithCode: exit,
    },
    "wasi:cli/stdin": { getStdin: () => new InputStream(OURS, () => new Uint8Array()) },
    "wasi:cli/stdout": { getStdout: printed },
    "wasi:cli/stderr": { getStderr: printed },
    "wasi:cli/terminal-input": { TerminalInput: Nothing },
    "wasi:cli/terminal-output": { TerminalOutput: Nothing },
    "wasi:cli/terminal-stdin": { getTerminalStdin: nowhere },
    "wasi:cli/terminal-stdout": { getTerminalStdout: nowhere },
    "wasi:cli/terminal-stderr": { getTerminalStderr: nowhere },
  };
}

function clockInterfaces(): Readonly<Record<string, Interface>> {
  const timeOf = (ns: bigint): { readonly seconds: bigint; readonly nanoseconds: number } => ({
    seconds: ns / NS_PER_S,
    nanoseconds: Number(ns % NS_PER_S),
  });
  return {
    "wasi:clocks/monotonic-clock": {
      now: () => process.hrtime.bigint(),
      resolution: () => RESOLUTION_NS,
      subscribeInstant: (ns: bigint) => new Pollable(OURS, ns),
      subscribeDuration: (ns: bigint) => new Pollable(OURS, process.hrtime.bigint() + ns),
    },
    "wasi:clocks/wall-clock": {
      now: () => timeOf(readClock(CLOCK.realtime)),
      resolution: () => timeOf(RESOLUTION_NS),
    },
  };
}

function randomInterfaces(): Readonly<Record<string, Interface>> {
  const bytes = (length: bigint): Uint8Array => {
    if (length > RANDOM_MAX_BYTES)
      throw new Error(`${length} random bytes at once: at most ${RANDOM_MAX_BYTES}`);
    const all = new Uint8Array(Number(length));
    for (let done = 0; done < all.length; done += RANDOM_PIECE_BYTES) {
      getRandomValues(all.subarray(done, done + RANDOM_PIECE_BYTES));
    }
    return all;
  };
  const number = (): bigint => getRandomValues(new BigUint64Array(1))[0] ?? 0n;
  return {
    "wasi:random/random": { getRandomBytes: bytes, getRandomU64: number },
    "wasi:random/insecure": { getInsecureRandomBytes: bytes, getInsecureRandomU64: number },
    "wasi:random/insecure-seed": { insecureSeed: () => [number(), number()] },
  };
}

/** Languages import them whether a program uses them or not. None can be made. */
function socketInterfaces(): Readonly<Record<string, Interface>> {
  const refused = (): never => {
    throw new ComponentError("access-denied");
  };
  return {
    "wasi:sockets/network": { Network: Nothing, networkErrorCode: () => undefined },
    "wasi:sockets/instance-network": { instanceNetwork: () => new Nothing(OURS) },
    "wasi:sockets/tcp": { TcpSocket: Nothing },
    "wasi:sockets/tcp-create-socket": { createTcpSocket: refused },
    "wasi:sockets/udp": {
      UdpSocket: Nothing,
      IncomingDatagramStream: Nothing,
      OutgoingDatagramStream: Nothing,
    },
    "wasi:sockets/udp-create-socket": { createUdpSocket: refused },
    "wasi:sockets/ip-name-lookup": { ResolveAddressStream: Nothing, resolveAddresses: refused },
  };
}
