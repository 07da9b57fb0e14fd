import { ALLOWED, ERRNO, NEWEST_KNOWN_CALL, RULES } from "./allowed-calls.ts";
import type { ArgumentTest, CallRule, Errno } from "./allowed-calls.ts";

/** An architecture that the table has numbers for, as `process.arch` names it. */
export type FilterArchitecture = "x64" | "arm64";

/** AUDIT_ARCH_*, linux/audit.h; and the column of the table. */
const ARCHITECTURES = {
  x64: { audit: 0xc000_003e, column: 0 },
  arm64: { audit: 0xc000_00b7, column: 1 },
} as const;

/** What becomes of a call number: allowed, refused, or decided by its arguments. */
type Verdict = "allow" | Errno | CallRule;

/** Offsets in struct seccomp_data: `nr`, `arch`, `args[6]` of 64 bits each, little-endian. */
const OFFSET_NR = 0;
const OFFSET_ARCH = 4;
const OFFSET_ARGS = 16;

const RET_ALLOW = 0x7fff_0000;
const RET_ERRNO = 0x0005_0000;

/** Operations of classic BPF, linux/filter.h. */
const LOAD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_AT_LEAST = 0x35;
const RETURN = 0x06;

/** One `struct sock_filter`. */
interface Instruction {
  readonly code: number;
  readonly ifTrue: number;
  readonly ifFalse: number;
  readonly value: number;
}

const INSTRUCTION_BYTES = 8;

/**
 * The seccomp filter for programs in a sandbox, as an array of `struct sock_filter` for
 * seccomp(SECCOMP_SET_MODE_FILTER): see allowed-calls.ts for what it allows. Calls of a foreign
 * architecture (32-bit on 64-bit, x32) are refused whatever they are: their numbers mean other calls.
 */
export function compileFilter(architecture: FilterArchitecture): Buffer {
  const { audit, column } = ARCHITECTURES[architecture];
  return encode([
    load(OFFSET_ARCH),
    { code: JUMP_IF_EQUAL, ifTrue: 1, ifFalse: 0, value: audit },
    ...returnOf("EPERM"),
    load(OFFSET_NR),
    ...search(intervals(verdicts(column))),
  ]);
}

/** A filter that answers one call as a kernel would that does not have it, and leaves all others alone. */
export function compileRefusal(architecture: FilterArchitecture, call: number): Buffer {
  const refusal = returnOf("ENOSYS");
  const equals = (value: number, skipped: number): Instruction => ({
    code: JUMP_IF_EQUAL,
    ifTrue: 0,
    ifFalse: skipped,
    value,
  });
  return encode([
    load(OFFSET_ARCH),
    equals(ARCHITECTURES[architecture].audit, 2 + refusal.length),
    load(OFFSET_NR),
    equals(call, refusal.length),
    ...refusal,
    ...decide("allow"),
  ]);
}

function verdicts(column: 0 | 1): ReadonlyMap<number, Verdict> {
  const byNumber = new Map<number, Verdict>();
  for (const { calls } of ALLOWED) {
    for (const numbers of Object.values(calls)) {
      const number = numbers[column];
      if (number !== null) byNumber.set(number, "allow");
    }
  }
  for (const rule of RULES) {
    const number = rule.numbers[column];
    if (number !== null) byNumber.set(number, rule);
  }
  return byNumber;
}

interface Interval {
  readonly from: number;
  readonly verdict: Verdict;
}

/** x32 marks its calls with this bit. */
const X32_BIT = 0x4000_0000;

/** All numbers from 0 on, cut wherever the verdict changes. */
function intervals(byNumber: ReadonlyMap<number, Verdict>): readonly Interval[] {
  const cuts: Interval[] = [];
  for (let number = 0; number <= NEWEST_KNOWN_CALL; number += 1) {
    const verdict = byNumber.get(number) ?? "EPERM";
    if (cuts.at(-1)?.verdict !== verdict) cuts.push({ from: number, verdict });
  }
  return [...cuts, { from: NEWEST_KNOWN_CALL + 1, verdict: "ENOSYS" }, { from: X32_BIT, verdict: "EPERM" }];
}

/** A binary search: ten comparisons instead of hundreds, on every call that a program makes. */
function search(cuts: readonly Interval[]): readonly Instruction[] {
  const [first] = cuts;
  if (cuts.length <= 1) return first === undefined ? [] : decide(first.verdict);
  const middle = Math.floor(cuts.length / 2);
  const lower = search(cuts.slice(0, middle));
  return [
    { code: JUMP_IF_AT_LEAST, ifTrue: 0, ifFalse: 1, value: cuts[middle]?.from ?? 0 },
    // Conditional jumps reach 255 instructions at most.
    { code: JUMP, ifTrue: 0, ifFalse: 0, value: lower.length },
    ...lower,
    ...search(cuts.slice(middle)),
  ];
}

function decide(verdict: Verdict): readonly Instruction[] {
  if (verdict === "allow") return [{ code: RETURN, ifTrue: 0, ifFalse: 0, value: RET_ALLOW }];
  if (typeof verdict === "string") return returnOf(verdict);
  const refusal = returnOf(verdict.errno ?? "EPERM");
  if (verdict.allowed === "never") return refusal;
  return [...verdict.allowed.flatMap((test) => testArgument(test, refusal)), ...decide("allow")];
}

/** Goes on after itself when the test holds, else returns `refusal`. */
function testArgument(test: ArgumentTest, refusal: readonly Instruction[]): readonly Instruction[] {
  const { values, mask } = test;
  return [
    load(OFFSET_ARGS + 8 * test.argument),
    ...(mask === undefined ? [] : [{ code: AND, ifTrue: 0, ifFalse: 0, value: mask }]),
    ...values.map((value, index) => ({
      code: JUMP_IF_EQUAL,
      ifTrue: values.length - index - 1 + refusal.length,
      ifFalse: 0,
      value,
    })),
    ...refusal,
  ];
}

function load(offset: number): Instruction {
  return { code: LOAD, ifTrue: 0, ifFalse: 0, value: offset };
}

function returnOf(errno: Errno): readonly Instruction[] {
  return [{ code: RETURN, ifTrue: 0, ifFalse: 0, value: RET_ERRNO | ERRNO[errno] }];
}

function encode(program: readonly Instruction[]): Buffer {
  const bytes = Buffer.alloc(program.length * INSTRUCTION_BYTES);
  for (const [index, { code, ifTrue, ifFalse, value }] of program.entries()) {
    const at = index * INSTRUCTION_BYTES;
    bytes.writeUInt16LE(code, at);
    bytes.writeUInt8(ifTrue, at + 2);
    bytes.writeUInt8(ifFalse, at + 3);
    bytes.writeUInt32LE(value >>> 0, at + 4);
  }
  return bytes;
}
