/** Reactors are started once; what each run sees is what it would see had it been started for that run alone. */
import assert from "node:assert/strict";
import { mock, suite, test } from "node:test";

import { assemble, command } from "../../../../test/fixtures/wasm-modules.ts";
import { mayChangeTables } from "./process/changes-tables.ts";
import { ModuleReader, SECTION } from "./process/module-reader.ts";
import { ModuleRunner } from "./process/module-runner.ts";
import type { Snapshot } from "./process/module-runner.ts";
import { Ring } from "./process/ring.ts";
import { takeApart } from "./process/take-apart.ts";
import { folder } from "./process/wasi/tree.ts";

/** `_initialize` with a body, and a `whiskers_serve` that reports and then spoils what it can. */
const reactor = (body: string, serve = SERVE): string => {
  const fields = command("", serve).replace(`(func (export "_start") )`, "");
  return `${fields} (func (export "_initialize") (local $i i32) ${body})`;
};
const SERVE = `
  (global $count (mut i32) (i32.const 7))
  (global $wide (mut i64) (i64.const -3))
  (global $real (mut f64) (f64.const 0.5))
  (table $table 4 4 funcref)
  (elem (i32.const 0) $drawn)
  (func $drawn (drop (call $random_get (i32.const 500) (i32.const 2))))
  (func (export "whiskers_serve")
    (call $report $"count" (global.get $count))
    (call $report $"wide" (i32.wrap_i64 (global.get $wide)))
    (call $report $"drawn" (i32.load16_u (i32.const 500)))
    (call $report $"mark" (i32.load (i32.const 504)))
    (call $report $"far" (i32.load (i32.const 131068)))
    (call $report $"pages" (memory.size))
    (global.set $count (i32.const 99))
    (global.set $wide (i64.const 99))
    (i32.store16 (i32.const 500) (i32.const 99))
    (i32.store (i32.const 504) (i32.const 99))
    (i32.store (i32.const 131068) (i32.const 99)))`;
const DRAWS = `
  (call_indirect (i32.const 0))
  (global.set $count (i32.add (global.get $count) (i32.const 1)))
  (global.set $wide (i64.const 12))
  (i32.store (i32.const 504) (i32.const 5))
  (drop (memory.grow (i32.const 1)))`;

suite("instances of a module", () => {
  test("a reactor's start is kept, and every run sees it as it was", async () => {
    const { runner, snapshot } = await start(DRAWS);
    assert.notEqual(snapshot, null);
    const [first, second, third] = [run(runner, snapshot), run(runner, snapshot), run(runner, snapshot)];
    const { drawn, ...rest } = first;
    assert.deepEqual(rest, { count: 8, wide: 12, mark: 5, far: 0, pages: 5 });
    // Drawn by chance, once.
    assert.deepEqual(second, first);
    assert.deepEqual(third, first);
    assert.ok(drawn !== undefined);
  });

  test("without a snapshot each run starts it itself", async () => {
    const { runner } = await start(DRAWS);
    const [first, second] = [run(runner, null), run(runner, null)];
    assert.deepEqual({ ...first, drawn: 0 }, { count: 8, wide: 12, mark: 5, far: 0, pages: 5, drawn: 0 });
    assert.deepEqual({ ...second, drawn: 0 }, { ...first, drawn: 0 });
  });

  test("what is not all in memory and numbers is not kept", async () => {
    for (const [what, body] of [
      ["prints", `(call $write (i32.const 1) $"hello")`],
      [
        "prints errors without end",
        `(loop $l (call $write (i32.const 2) (i32.const 0) (i32.const 60000))
        (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 9))))`,
      ],
      [
        "leaves a file",
        `(drop (call $open $"tmp/x" (i32.const 1) (i64.const 64)))
        (drop (call $fd_close (i32.load (i32.const 28))))`,
      ],
      ["leaves a file open", `(drop (call $open $"dev/null" (i32.const 0) (i64.const 2)))`],
      ["closes its input", `(drop (call $fd_close (i32.const 0)))`],
      [
        "changes its table",
        `(table.set (i32.const 2) (ref.null func)) (table.set (i32.const 0) (ref.null func))`,
      ],
      ["traps", `(unreachable)`],
      ["ends", `(call $exit (i32.const 0))`],
    ] as const) {
      assert.equal((await start(body)).snapshot, null, what);
    }
  });

  test("nor is a start that puts into a table what is no function", async () => {
    const runner = await runnerOf(NUMBER_IN_TABLE, true);
    assert.equal(runner.takeSnapshot(options([])), null);
  });

  test("while it starts it sees no input and no files of a run", async () => {
    const { runner, snapshot } = await start(`
      (i32.store (i32.const 16) (i32.const 504)) (i32.store (i32.const 20) (i32.const 4))
      (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
      (global.set $count (i32.load (i32.const 24)))
      (global.set $wide (i64.extend_i32_u (call $open $"whiskers/meta.json" (i32.const 0) (i64.const 2))))`);
    const { count, wide, mark } = run(runner, snapshot);
    assert.deepEqual({ count, wide, mark }, { count: 0, wide: NO_ENTRY, mark: 0 });
  });

  test("an instance is used again where nothing tells it from a new one", async () => {
    const made = mock.method(WebAssembly, "Instance", construct(WebAssembly.Instance));
    try {
      const more = `
        (call $report $"file" (call $open $"tmp/x" (i32.const 9) (i64.const 64)))
        (drop (call $fd_close (i32.const 0)))`;
      const { runner, snapshot } = await start(DRAWS, SERVE.replace(/\)$/u, `${more})`));
      const before = made.mock.callCount();
      const given = options([]);
      const first = run(runner, snapshot, given);
      for (let count = 0; count < 3; count += 1) assert.deepEqual(run(runner, snapshot, given), first);
      assert.equal(first["file"], 0);
      assert.equal(made.mock.callCount() - before, 1);
      // What ended badly is used for nothing more.
      assert.deepEqual(run(runner, snapshot, given, false), first);
      assert.deepEqual(run(runner, snapshot, given), first);
      assert.equal(made.mock.callCount() - before, 2);
      // Nor is it for a run that is told something else.
      assert.deepEqual(run(runner, snapshot, { ...given, env: { A: "b" } }), first);
      assert.equal(made.mock.callCount() - before, 3);
    } finally {
      made.mock.restore();
    }
  });

  test("an instance that may have changed a table, or grew, is used for no other run", async () => {
    const report = `(call $report $"null" (ref.is_null (table.get (i32.const 2))))`;
    for (const body of [
      `(table.set (i32.const 2) (ref.func $drawn))`,
      `(table.fill (i32.const 0) (ref.func $drawn) (i32.const 4))`,
      `(table.copy (i32.const 2) (i32.const 0) (i32.const 1))`,
      `(table.init 1 (i32.const 2) (i32.const 0) (i32.const 1))`,
      `(drop (table.grow (ref.null func) (i32.const 1))) (table.set (i32.const 2) (ref.func $drawn))`,
      `(drop (memory.grow (i32.const 1)))`,
    ]) {
      const serve = `
        (table $table 4 100 funcref)
        (elem (i32.const 0) $drawn) (elem func $drawn)
        (func $drawn)
        (func (export "whiskers_serve") ${report} (call $report $"pages" (memory.size))
          (call $report $"entries" (table.size)) ${body})`;
      const { runner, snapshot } = await start("", serve);
      const given = options([]);
      const first = run(runner, snapshot, given);
      assert.deepEqual(first, { null: 1, pages: 4, entries: 4 });
      assert.deepEqual(run(runner, snapshot, given), first, body);
    }
  });

  test("nor is one whose element segments hold what code can change", async () => {
    const runner = await runnerOf(ARRAY_IN_SEGMENT, false);
    const given = options([]);
    const said = Buffer.alloc(1);
    for (let count = 0; count < 3; count += 1) {
      runner.run(given, null, () => {});
      runner.prepareNext(given, null, true);
      assert.equal(given.output.read(said), 1);
      assert.equal(said[0], 0);
    }
  });

  test("code that may change tables is told by every instruction", async () => {
    const bodies = {
      false: [
        `(drop (table.get (i32.const 0))) (drop (table.size)) (drop (ref.func $f)) (drop (ref.null func))`,
        `(block (result i32) (block (loop (br_table 0 1 (i32.const 0)))) (i32.const 0x26262626)) drop`,
        `(drop (i64.const 0x2626262626262626)) (drop (f32.const 1e-15)) (drop (f64.const 1e-15))`,
        `(if (i32.const 1) (then (i64.store offset=0x26 (i32.const 0) (i64.const 1))) (else))`,
        `(memory.copy (i32.const 0) (i32.const 1) (i32.const 2)) (memory.fill (i32.const 0) (i32.const 1) (i32.const 2))`,
        `(drop (i32.trunc_sat_f32_s (f32.const 1))) (drop (i64.extend8_s (i64.const 1)))`,
        `(call_indirect (i32.const 0)) (drop (memory.grow (memory.size)))`,
      ],
      true: [
        `(table.set (i32.const 0) (ref.null func))`,
        `(drop (table.grow (ref.null func) (i32.const 1)))`,
        `(table.fill (i32.const 0) (ref.null func) (i32.const 1))`,
        `(table.copy (i32.const 0) (i32.const 1) (i32.const 2))`,
        `(table.init 0 (i32.const 0) (i32.const 1) (i32.const 2))`,
        `(elem.drop 0)`,
        // Not read, so that nothing hides behind them.
        `(drop (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 1 2 3 4)))`,
        `(drop (select (result i32) (i32.const 0) (i32.const 1) (i32.const 2)))`,
      ],
    };
    for (const [expected, all] of Object.entries(bodies)) {
      for (const body of all) {
        const bytes = await assemble(`
          (memory 1) (table 4 funcref) (elem func $f) (elem declare func $f)
          (func $f (local i32 i64 f32 f64 funcref externref) ${body})`);
        const code = [...new ModuleReader(bytes).sections()].find(({ id }) => id === SECTION.code);
        assert.equal(String(mayChangeTables(code?.content ?? new Uint8Array())), expected, body);
      }
    }
    // Blocks, locals and null of types that are longer than a byte: what follows could be read wrongly.
    for (const body of [
      [0, 0x02, 0x63, 0x70, 0x0b, 0x0b],
      [0, 0x02, 0xe3, 0x7f, 0x70, 0x0b, 0x0b],
      [1, 1, 0x63, 0x70, 0x0b],
      [0, 0xd0, 0x65, 0x70, 0x1a, 0x0b],
    ]) {
      assert.equal(mayChangeTables(Uint8Array.from([1, body.length, ...body])), true);
    }
  });

  test("code that is none is read to its end, and no further", () => {
    // br_table, of four billion targets that are not there.
    const code = Uint8Array.from([1, 7, 0, 0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    const startedAtMs = performance.now();
    assert.throws(() => mayChangeTables(code), RangeError);
    assert.ok(performance.now() - startedAtMs < 1000);
  });

  test("a run's processor time is its own", async () => {
    const serve = `(func (export "whiskers_serve") (local $i i32)
      (drop (call $clock_time_get (i32.const 3) (i64.const 0) (i32.const 512)))
      (call $report $"us" (i32.wrap_i64 (i64.div_u (i64.load (i32.const 512)) (i64.const 1000))))
      (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 100000000)))))`;
    const { runner, snapshot } = await start("", serve);
    const given = options([]);
    for (let count = 0; count < 2; count += 1) {
      const { us } = run(runner, snapshot, given);
      assert.ok(us !== undefined && us < 50_000, `${us} us`);
    }
  });

  test("a module with a start function, or data that code copies, is used whole", async () => {
    const starts = await assemble(`${command("")} (func $first) (start $first)`);
    assert.equal(takeApart(starts), null);
    assert.equal(takeApart(starts.subarray(0, 40)), null);
    assert.notEqual(takeApart(await assemble(command(`(call $write (i32.const 1) $"x")`))), null);
  });

  test("memory that is not used again is counted as garbage, also of a module that is used whole", async () => {
    const grows = command(`(drop (memory.grow (i32.const 60)))`);
    for (const fields of [grows, `${grows} (func $first) (start $first)`]) {
      const bytes = await assemble(fields);
      const parts = takeApart(bytes);
      const module = await WebAssembly.compile(parts?.code ?? bytes);
      const runner = new ModuleRunner({ kind: "module", module, parts, isReactor: false });
      const given = options([]);
      runner.run(given, null, () => {});
      assert.equal(runner.prepareNext(given, null, true), 64 * 65_536);
    }
  });
});

const NO_ENTRY = 44;

const ARRAY_CODE: readonly number[] = [
  [1, 1, 0x63, 2],
  // The array, of a copy of the segment.
  [0x41, 0, 0x41, 1, 0xfb, 10, 3, 0, 0x41, 0, 0xfb, 11, 3, 0x21, 0],
  // Its number, at 8; written.
  [0x41, 8, 0x20, 0, 0x41, 0, 0xfb, 11, 2, 0x3a, 0, 0],
  [0x41, 0, 0x41, 8, 0x36, 2, 0, 0x41, 4, 0x41, 1, 0x36, 2, 0],
  [0x41, 1, 0x41, 0, 0x41, 1, 0x41, 16, 0x10, 0, 0x1a],
  [0x20, 0, 0x41, 0, 0x41, 42, 0xfb, 14, 2, 0x0b],
].flat();

/**
 * Has no table, but a segment of one array of one number; prints that number and sets it to 42. In bytes, since wabt does
 * not know arrays.
 */
const ARRAY_IN_SEGMENT = Uint8Array.from(
  [
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // Types: of fd_write, of _start, an array of numbers, an array of those.
    section(1, 4, 0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f, 0x60, 0, 0, 0x5e, 0x7f, 1, 0x5e, 0x63, 2, 1),
    section(2, 1, ...nameOf("wasi_snapshot_preview1"), ...nameOf("fd_write"), 0, 0),
    section(3, 1, 1),
    section(5, 1, 0, 1),
    section(7, 2, ...nameOf("memory"), 2, 0, ...nameOf("_start"), 0, 1),
    section(9, 1, 5, 0x63, 2, 1, 0x41, 1, 0xfb, 7, 2, 0x0b),
    section(10, 1, ARRAY_CODE.length, ...ARRAY_CODE),
  ].flat(),
);

/** Its `_initialize` puts a number into a table. */
const NUMBER_IN_TABLE = Uint8Array.from(
  [
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, 1, 0x60, 0, 0),
    section(2, 1, ...nameOf("wasi_snapshot_preview1"), ...nameOf("sched_yield"), 0, 0),
    section(3, 2, 0, 0),
    section(4, 1, 0x6e, 0, 1),
    section(5, 1, 0, 1),
    section(
      7,
      3,
      ...nameOf("memory"),
      2,
      0,
      ...nameOf("_initialize"),
      0,
      1,
      ...nameOf("whiskers_serve"),
      0,
      2,
    ),
    section(10, 2, 10, 0, 0x41, 0, 0x41, 5, 0xfb, 28, 0x26, 0, 0x0b, 2, 0, 0x0b),
  ].flat(),
);

function section(id: number, ...content: readonly number[]): readonly number[] {
  return [id, content.length, ...content];
}

function nameOf(text: string): readonly number[] {
  return [text.length, ...Buffer.from(text)];
}

async function start(
  body: string,
  serve?: string,
): Promise<{ readonly runner: ModuleRunner; readonly snapshot: Snapshot | null }> {
  const runner = await runnerOf(await assemble(reactor(body, serve)), true);
  return { runner, snapshot: runner.takeSnapshot(options()) };
}

async function runnerOf(bytes: Uint8Array, isReactor: boolean): Promise<ModuleRunner> {
  const parts = takeApart(bytes);
  assert.ok(parts !== null);
  const module = await WebAssembly.compile(parts.code);
  return new ModuleRunner({ kind: "module", module, parts, isReactor });
}

/** Its reports. */
function run(
  runner: ModuleRunner,
  snapshot: Snapshot | null,
  given = options(),
  endedWell = true,
): Readonly<Record<string, number>> {
  assert.equal(
    runner.run(given, snapshot, () => {}),
    0,
  );
  runner.prepareNext(given, snapshot, endedWell);
  const text = Buffer.alloc(4096);
  const lines = text.subarray(0, given.output.read(text)).toString().trim().split("\n");
  return Object.fromEntries(lines.map((line) => line.split(" ")).map(([name, n]) => [name, Number(n)]));
}

function options(files = [{ name: "meta.json", content: Buffer.from("{}") }]) {
  const input = Ring.of(64);
  input.write(Buffer.from("input of a run"));
  input.end();
  return {
    args: ["it.wasm"],
    env: {},
    input,
    output: Ring.of(4096),
    errors: Ring.of(4096),
    shared: folder(null),
    files,
    tmpBytes: 1 << 20,
    openFiles: 16,
  };
}

/** As the class does, and nothing else: it counts. */
function construct(constructor: typeof WebAssembly.Instance) {
  return function instance(
    ...args: ConstructorParameters<typeof WebAssembly.Instance>
  ): WebAssembly.Instance {
    return new constructor(...args);
  };
}
