import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { suite, test } from "node:test";

import { docBlocks } from "./doc-blocks.ts";

const ROOT = resolve(import.meta.dirname, "../..");
const DOCUMENTS = ["README.md", ...globSync("docs/**/*.md", { cwd: ROOT })].toSorted();

/**
 * Every block in the documents is real: `sh` blocks run, in order, in a copy of the checkout and must
 * exit 0 (or as a `# exits N` comment in them says); blocks with a title are files; a `text` block after
 * an `sh` block lists lines that its output must hold, in that order (`…` stands for anything).
 */
suite("documents", { concurrency: availableParallelism() }, () => {
  for (const document of DOCUMENTS) {
    const blocks = docBlocks(readFileSync(join(ROOT, document), "utf8"));
    if (!blocks.some((block) => block.language === "sh" || block.title !== null)) continue;
    test(`the blocks of ${document} work`, { timeout: 300_000 }, async () => {
      const folder = copyOfCheckout();
      try {
        await runBlocks(document, blocks, folder);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  test("every relative link leads somewhere", () => {
    for (const document of [
      ...DOCUMENTS,
      ...globSync("*.md", { cwd: ROOT }),
      ...globSync("{protocol,sdk,examples}/**/*.md", { cwd: ROOT }),
    ]) {
      const text = readFileSync(join(ROOT, document), "utf8");
      for (const [, target] of text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/gu)) {
        assert.ok(
          existsSync(join(ROOT, dirname(document), String(target))),
          `${document} links to ${String(target)}, which is not there`,
        );
      }
    }
  });
});

async function runBlocks(
  document: string,
  blocks: ReturnType<typeof docBlocks>,
  folder: string,
): Promise<void> {
  let output = "";
  for (const block of blocks) {
    const where = `${document}:${block.line}`;
    if (block.title !== null) {
      const file = join(folder, block.title);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, block.text);
    } else if (block.language === "sh") {
      const wanted = Number(/# exits (?<code>\d+)/u.exec(block.text)?.groups?.["code"] ?? 0);
      const ran = await runShell(block.text, folder);
      output = ran.stdout;
      assert.equal(ran.status, wanted, `${where} exits ${String(ran.status)}\n${ran.stdout}\n${ran.stderr}`);
    } else if (block.language === "text") {
      assertHolds(output, block.text, where);
    }
  }
}

/** Ends with its exit code, or with what else ended it. */
function runShell(
  script: string,
  folder: string,
): Promise<{
  readonly status: number | string | null | undefined;
  readonly stdout: string;
  readonly stderr: string;
}> {
  const env = { ...process.env, NO_COLOR: "1", WHISKERS_HOME: join(folder, ".whiskers") };
  return new Promise((settle) => {
    execFile(
      "sh",
      ["-ec", script],
      { cwd: folder, timeout: 240_000, maxBuffer: 64 << 20, env },
      (error, stdout, stderr) => {
        settle({ status: error === null ? 0 : (error.signal ?? error.code), stdout, stderr });
      },
    );
  });
}

function assertHolds(output: string, wanted: string, where: string): void {
  const lines = output.split("\n").map((line) => line.trim());
  let from = 0;
  for (const line of wanted.split("\n").map((text) => text.trim())) {
    if (line === "" || line === "…") continue;
    const pattern = new RegExp(
      `^${line
        .split("…")
        .map((part) => RegExp.escape(part))
        .join(".*")}$`,
      "u",
    );
    const found = lines.findIndex((text, index) => index >= from && pattern.test(text));
    assert.notEqual(
      found,
      -1,
      `${where}: the output has no line like ${JSON.stringify(line)} after line ${from}:\n${output}`,
    );
    from = found + 1;
  }
}

function copyOfCheckout(): string {
  const folder = mkdtempSync(join(tmpdir(), "whiskers-docs-"));
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  });
  for (const file of listed.split("\0").filter((name) => name !== "" && existsSync(join(ROOT, name)))) {
    cpSync(join(ROOT, file), join(folder, file), { verbatimSymlinks: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  return folder;
}
