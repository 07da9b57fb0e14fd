import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { ALLOWED, NEWEST_KNOWN_CALL, RULES } from "./allowed-calls.ts";
import { compileFilter } from "./compile-filter.ts";

const X86_64 = 0xc000_003e;
const AARCH64 = 0xc000_00b7;
const I386 = 0x4000_0003;
const EPERM = 0x0005_0001;
const ENOTTY = 0x0005_0019;
const ENOSYS = 0x0005_0026;
const ALLOW = 0x7fff_0000;

/** The kernel's real machine is asked in test/contract and test/security; this one asks every number. */
describe("the seccomp filter", () => {
  const filter = compileFilter("x64");
  const ask = (number: number, args: readonly number[] = [], architecture = X86_64): number =>
    simulate(filter, architecture, number, args);

  it("is small enough for the kernel, and ends on every path", () => {
    assert.ok(filter.length / 8 <= 4096);
    for (let number = 0; number < 2000; number += 1)
      assert.ok([ALLOW, EPERM, ENOTTY, ENOSYS, 0x0005_005f].includes(ask(number)));
  });

  for (const [name, architecture, column] of [
    ["x64", X86_64, 0],
    ["arm64", AARCH64, 1],
  ] as const) {
    it(`allows what the table says and nothing else, on ${name}`, () => {
      const program = compileFilter(name);
      const allowed = new Set(
        ALLOWED.flatMap(({ calls }) => Object.values(calls).map((numbers) => numbers[column])),
      );
      const ruled = new Set(RULES.map(({ numbers }) => numbers[column]));
      for (let number = 0; number <= NEWEST_KNOWN_CALL; number += 1) {
        if (ruled.has(number)) continue;
        const wanted = allowed.has(number) ? ALLOW : EPERM;
        assert.equal(simulate(program, architecture, number, []), wanted, `call ${number}`);
      }
      assert.equal(simulate(program, architecture, NEWEST_KNOWN_CALL + 1, []), ENOSYS);
    });
  }

  it("names no call twice", () => {
    for (const column of [0, 1] as const) {
      const all = [
        ...ALLOWED.flatMap(({ calls }) => Object.values(calls)),
        ...RULES.map(({ numbers }) => numbers),
      ];
      const numbers = all.map((pair) => pair[column]).filter((number) => number !== null);
      assert.equal(new Set(numbers).size, numbers.length);
    }
  });

  it("refuses calls of another architecture, and x32", () => {
    assert.equal(ask(0, [], I386), EPERM);
    assert.equal(ask(0, [], AARCH64), EPERM);
    assert.equal(ask(0x4000_0000), EPERM);
    assert.equal(ask(0x4000_0000 + 39), EPERM);
    assert.equal(ask(0xffff_ffff), EPERM);
  });

  it("allows clone without new namespaces", () => {
    const clone = 56;
    assert.equal(ask(clone, [0x003d_0f00]), ALLOW, "a thread");
    assert.equal(ask(clone, [17]), ALLOW, "a process");
    for (const flag of [
      0x2_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
    ]) {
      assert.equal(ask(clone, [17 | flag]), EPERM, flag.toString(16));
    }
    assert.equal(ask(435), ENOSYS, "clone3");
  });

  it("allows no socket but pairs", () => {
    assert.equal(ask(41, [1]), EPERM, "socket");
    assert.equal(ask(53, [1]), ALLOW, "socketpair AF_UNIX");
    assert.equal(ask(53, [2]), EPERM, "socketpair AF_INET");
  });

  it("allows few ioctls", () => {
    assert.equal(ask(16, [0, 0x5421]), ALLOW, "FIONBIO");
    assert.equal(ask(16, [0, 0x5412]), ENOTTY, "TIOCSTI");
    assert.equal(ask(16, [0, 0x541c]), ENOTTY, "TIOCLINUX");
  });

  it("allows limits and priorities of its own process alone", () => {
    assert.equal(ask(302, [0]), ALLOW);
    assert.equal(ask(302, [1]), EPERM);
    assert.equal(ask(141, [0, 0]), ALLOW);
    assert.equal(ask(141, [0, 5]), EPERM);
    assert.equal(ask(141, [1, 0]), EPERM);
  });

  it("allows no device nodes", () => {
    assert.equal(ask(133, [0, 0o010_644]), ALLOW, "a named pipe");
    assert.equal(ask(133, [0, 0o020_644]), EPERM, "a character device");
    assert.equal(ask(133, [0, 0o060_644]), EPERM, "a block device");
  });
});

/** Classic BPF as the kernel runs it, as far as the filter uses it. */
function simulate(program: Buffer, architecture: number, number: number, args: readonly number[]): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number, 0);
  data.writeUInt32LE(architecture, 4);
  for (const [index, value] of args.entries()) data.writeUInt32LE(value >>> 0, 16 + 8 * index);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.length; at += 1) {
    const value = program.readUInt32LE(at * 8 + 4);
    const [ifTrue, ifFalse] = [program[at * 8 + 2] ?? 0, program[at * 8 + 3] ?? 0];
    switch (program.readUInt16LE(at * 8)) {
      case 0x20:
        accumulator = data.readUInt32LE(value);
        break;
      case 0x54:
        accumulator = (accumulator & value) >>> 0;
        break;
      case 0x05:
        at += value;
        break;
      case 0x15:
        at += accumulator === value ? ifTrue : ifFalse;
        break;
      case 0x35:
        at += accumulator >= value ? ifTrue : ifFalse;
        break;
      case 0x06:
        return value;
      default:
        throw new Error(`operation ${program.readUInt16LE(at * 8)}`);
    }
  }
  throw new Error("it ran off its end");
}
