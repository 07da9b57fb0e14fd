import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { it } from "node:test";

import { withoutMembarrier } from "./without-membarrier.ts";

const SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin";
const isRoot = process.geteuid?.() === 0;
const [program = "", ...args] = withoutMembarrier(SEARCH_PATH);
const skip = isRoot ? program === "" && "no Perl here" : "only root may load a filter and gain rights later";

it("a program under it has no membarrier(2), and all else", { skip }, () => {
  const asks = (call: number, ...values: readonly number[]): string =>
    `print syscall(${[call, ...values].join(", ")}) < 0 ? "refused $!{ENOSYS}" : "answered", "\\n";`;
  const [membarrier, getpid] = process.arch === "arm64" ? [283, 172] : [324, 39];
  const script = `use Errno; ${asks(membarrier, 0, 0, 0)} ${asks(getpid)}`;
  const perl = [program, "-e", script];
  const said = spawnSync(program, [...args, ...perl], { encoding: "utf8" });
  assert.match(said.stdout, /^refused [1-9]\d*\nanswered\n$/u, said.stderr);
  const before = spawnSync(program, perl.slice(1), { encoding: "utf8" });
  assert.equal(before.stdout, "answered\nanswered\n", "without it there is one");
  assert.equal(spawnSync(program, [...args, "sh", "-c", "exit 7"]).status, 7);
});

it("without Perl there is nothing before a command", () => {
  assert.deepEqual(withoutMembarrier("/var/empty"), []);
});
