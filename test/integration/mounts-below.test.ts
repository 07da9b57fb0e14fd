/** A machine with mounts below the folders that a sandbox shows, as WSL and many containers have them. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite, test } from "node:test";
import { promisify } from "node:util";

import { findAll } from "../../src/sandbox/interpreters.ts";

const MAIN = path.resolve(import.meta.dirname, "../../src/cli/main.ts");

/** Prints where the mounts of its sandbox are, and their options. */
const NORMALIZER = `while read -r _ where _ options _; do echo "$where $options" >&2; done </proc/self/mounts
echo '{"object_type":"Network","name":"internet"}'
`;

suite("mounts below the folders that a sandbox shows", () => {
  const isRoot = process.geteuid?.() === 0;
  const below = readdirSync("/usr/lib", { withFileTypes: true }).find((entry) => entry.isDirectory());
  assert.ok(below !== undefined);
  const mounted = path.join("/usr/lib", below.name);

  for (const [variant, program] of [
    ["bubblewrap", "bwrap"],
    ["util-linux", "unshare"],
  ] as const) {
    const missing =
      findAll(program, process.env["PATH"] ?? "").length === 0 ? `${program} is not here` : false;
    const skip = isRoot ? missing : "only root can make a mount for this test";
    test(`${variant} shows them, read-only`, { skip }, async (t) => {
      const scratch = mkdtempSync(path.join(tmpdir(), "whiskers-mounts-"));
      t.after(() => {
        rmSync(scratch, { recursive: true, force: true });
      });
      const folder = path.join(scratch, "package");
      mkdirSync(folder);
      const manifest = { id: "mounts", name: "Mounts", entrypoint: ["sh", "normalize.sh"] };
      writeFileSync(path.join(folder, "normalizer.json"), JSON.stringify(manifest));
      writeFileSync(path.join(folder, "normalize.sh"), NORMALIZER);
      const run = [process.execPath, MAIN, "run", folder, path.join(folder, "normalize.sh"), "--json"];
      const script = 'mount --bind "$1" "$1" && shift && exec "$@"';
      const { stdout } = await promisify(execFile)(
        "unshare",
        ["--mount", "--propagation", "private", "sh", "-c", script, "sh", mounted, ...run],
        {
          env: { ...process.env, WHISKERS_HOME: path.join(scratch, "home"), WHISKERS_SUBPROCESS: variant },
          timeout: 60_000,
        },
      );
      const document = JSON.parse(stdout) as { runs: { logs: { message: string }[] }[] };
      const lines = document.runs.flatMap(({ logs }) => logs.map(({ message }) => message));
      const line = lines.findLast((one) => one.startsWith(`${mounted} `));
      assert.match(line ?? lines.join("\n"), / ro,/u);
    });
  }
});
