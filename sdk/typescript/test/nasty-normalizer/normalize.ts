/** Normalizers that do what they should not, one function each. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { log } from "whiskers";
import type { Meta } from "whiskers";

export function* gives(meta: Meta): Generator {
  yield { input: meta.input };
}

export const none = (): void => {};
export const single = (): object => ({ n: 1 });
export const list = (): object[] => [{ n: 1 }, { n: 2 }];
export const later = (): Promise<object[]> => Promise.resolve(list());
export function* sync(): Generator<object> {
  yield* list();
}
export async function* async(): AsyncGenerator<object> {
  await Promise.resolve();
  yield* list();
}
export const text = (): string => "text";
export const nothing = (): unknown[] => [{ n: 1 }, undefined];
export const bigint = (): unknown[] => [{ n: 1n }];
export const huge = (): unknown[] => [{ n: 1 }, { text: "x".repeat(17 * 1024 * 1024) }];

export function prints(): object {
  // oxlint-disable-next-line no-console -- the guest has to bear it
  console.log("of console");
  process.stdout.write("of stdout\n");
  execFileSync("echo", ["of a child"], { stdio: ["ignore", process.stdout, "inherit"] });
  log.warning("of log");
  return { stdin: process.stdin.readable };
}

export function* exits(): Generator<object> {
  yield { before: true };
  process.exit(0);
}

export async function* waitsForEver(): AsyncGenerator<object> {
  yield { before: true };
  await new Promise(() => {});
}

export async function rejectsAside(): Promise<void> {
  void Promise.reject(new TypeError("nobody waits for this"));
  await new Promise((resolve) => setTimeout(resolve, 10_000));
}

export async function throwsAside(): Promise<void> {
  setTimeout(() => {
    throw new TypeError("nobody catches this");
  }, 1);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
}

export function raises(): void {
  try {
    readFileSync("/does/not/exist");
  } catch (cause) {
    throw new RangeError("wrapped", { cause });
  }
}

export function throwsText(): void {
  // oxlint-disable-next-line typescript/only-throw-error -- the guest has to bear it
  throw "only text";
}

export function allocates(): void {
  Buffer.alloc(2 ** 52);
}

export function liesInItsError(): void {
  const error = new Error("x");
  Object.assign(error, { name: 5, message: { not: "text" } });
  throw error;
}
