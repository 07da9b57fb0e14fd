import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { test } from "node:test";

const ROOT = resolve(import.meta.dirname, "../..");

/**
 * What a new user does: clone, one command. Only what is committed is there; the Node.js that runs this
 * test is not on the PATH, so the launcher has to find and install its own.
 */
test("a fresh clone runs the demo with one command", { timeout: 600_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-clone-"));
  try {
    execFileSync("git", ["clone", "--quiet", "--no-hardlinks", ROOT, join(folder, "whiskers")]);
    const env = {
      ...process.env,
      PATH: pathWithoutOurs(),
      WHISKERS_HOME: join(folder, "home"),
      TMPDIR: folder,
    };
    const ran = spawnSync(join(folder, "whiskers/whiskers"), ["demo", "--json"], {
      cwd: folder,
      env,
      encoding: "utf8",
      timeout: 500_000,
      maxBuffer: 64 * 1024 * 1024,
    });
    assert.equal(ran.status, 0, `${ran.stdout.slice(-2000)}\n${ran.stderr.slice(-4000)}`);
    assert.ok(JSON.parse(ran.stdout));
    assert.deepEqual(
      readdirSync(folder).filter((name) => !["whiskers", "home"].includes(name)),
      [],
    );
    const status = execFileSync("git", ["status", "--porcelain"], {
      cwd: join(folder, "whiskers"),
      encoding: "utf8",
    });
    assert.equal(status, "", "using it leaves the checkout as it was");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function pathWithoutOurs(): string {
  const parts = (process.env["PATH"] ?? "").split(":");
  return parts.filter((part) => !part.startsWith(join(ROOT, "node_modules"))).join(":");
}
