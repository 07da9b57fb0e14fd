import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

import { keptProgram } from "./kept-program.ts";
import { machineCode, staticProgram } from "./static-program.ts";

/** Looks at the counter, with the time between two of them. */
const LOOKS = 16;
const LOOK_BYTES = 32;
const ENDS_MS = 10_000;

/**
 * The rate of this machine's time stamp counter, which an emulated processor has too, measured: what /proc/cpuinfo tells is
 * on many processors how fast they run at the moment, and is taken where no program may be started. Null: nobody knows it.
 */
export async function counterKhz(stateDirectory: string): Promise<number | null> {
  return (await measured(stateDirectory).catch(() => null)) ?? told();
}

async function measured(stateDirectory: string): Promise<number | null> {
  const program = await keptProgram(stateDirectory, "counter", counterProgram());
  if (program === null) return null;
  const { stdout } = await promisify(execFile)(program, { encoding: "buffer", timeout: ENDS_MS });
  return rateOf(stdout);
}

async function told(): Promise<number | null> {
  const mhz = /^cpu MHz\s*:\s*(\d+\.\d+)/mu.exec(await readFile("/proc/cpuinfo", "utf8"))?.[1];
  return mhz === undefined ? null : Math.round(Number(mhz) * 1000);
}

/** By the best looks of the first half and of the second: those that nothing came between. Kilohertz. */
export function rateOf(looks: Buffer): number | null {
  if (looks.length !== LOOKS * LOOK_BYTES) return null;
  const all = Array.from({ length: LOOKS }, (_, index) => lookAt(looks, index * LOOK_BYTES));
  const [first, second] = [all.slice(0, LOOKS / 2), all.slice(LOOKS / 2)].map(
    (half) => half.toSorted((a, b) => Number(a.tookTicks - b.tookTicks))[0],
  );
  if (first === undefined || second === undefined || second.ns <= first.ns) return null;
  return Math.round((Number(second.ticks - first.ticks) * 1e6) / Number(second.ns - first.ns));
}

interface Look {
  readonly ns: bigint;
  readonly ticks: bigint;
  readonly tookTicks: bigint;
}

function lookAt(looks: Buffer, at: number): Look {
  const [before, seconds, ns, afterwards] = [0, 8, 16, 24].map((offset) =>
    looks.readBigUInt64LE(at + offset),
  );
  if (before === undefined || seconds === undefined || ns === undefined || afterwards === undefined)
    throw new Error("unreachable");
  return {
    ns: seconds * 1_000_000_000n + ns,
    ticks: (before + afterwards) / 2n,
    tookTicks: afterwards - before,
  };
}

/** A static program for the host: prints, sixteen times with 5 ms between, the counter, the time, and the counter again. */
function counterProgram(): Buffer {
  return staticProgram(
    machineCode([
      "48 81 ec 00 02 00 00", // sub rsp, 512
      "48 89 e3", // mov rbx, rsp
      "bd 10 00 00 00", // mov ebp, 16
      "0f 31", // again: rdtsc
      "89 03", // mov [rbx], eax
      "89 53 04", // mov [rbx+4], edx
      "b8 e4 00 00 00", // mov eax, 228 (clock_gettime)
      "bf 01 00 00 00", // mov edi, 1 (CLOCK_MONOTONIC)
      "48 8d 73 08", // lea rsi, [rbx+8]
      "0f 05", // syscall
      "0f 31", // rdtsc
      "89 43 18", // mov [rbx+24], eax
      "89 53 1c", // mov [rbx+28], edx
      "48 83 c3 20", // add rbx, 32
      "68 40 4b 4c 00", // push 5000000 (struct timespec: nanoseconds,
      "6a 00", // push 0 (and seconds)
      "b8 23 00 00 00", // mov eax, 35 (nanosleep)
      "48 89 e7", // mov rdi, rsp
      "31 f6", // xor esi, esi
      "0f 05", // syscall
      "58", // pop rax
      "58", // pop rax
      "ff cd", // dec ebp
      "75 c4", // jnz again
      "b8 01 00 00 00", // mov eax, 1 (write)
      "bf 01 00 00 00", // mov edi, 1
      "48 89 e6", // mov rsi, rsp
      "ba 00 02 00 00", // mov edx, 512
      "0f 05", // syscall
      "b8 3c 00 00 00", // mov eax, 60 (exit)
      "31 ff", // xor edi, edi
      "0f 05", // syscall
    ]),
  );
}
