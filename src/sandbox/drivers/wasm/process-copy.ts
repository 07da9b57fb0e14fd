import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, readFile, readdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";

import { makeFolder } from "../../view/make-folder.ts";
import { putInPlace } from "../../view/sdk-copy.ts";

const SOURCES = path.join(import.meta.dirname, "process");
/** Files of ours alone: paths in them are written in one way. */
const IMPORT = /(?<before>from "\.{1,2}\/[^"]+)\.ts"/gu;

/**
 * A copy of the process's program as JavaScript, which any user can read, named by its content. Stripping types costs
 * each process, and each thread of it, 30 milliseconds; so it is done once.
 */
export async function copyProcess(stateDirectory: string, draftName: string): Promise<string> {
  const names = (await readdir(SOURCES, { recursive: true }))
    .filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
    .toSorted();
  const files = await Promise.all(
    names.map(async (name) => ({ name, text: await readFile(path.join(SOURCES, name), "utf8") })),
  );
  const digest = createHash("sha256").update(JSON.stringify(files)).digest("hex");
  const copy = path.join(stateDirectory, `wasm-process-${digest.slice(0, 16)}`);
  if (existsSync(copy)) return copy;
  const draft = path.join(stateDirectory, `.wasm-process-${draftName}`);
  for (const folder of new Set(names.map((name) => path.dirname(name)))) {
    await makeFolder(path.join(draft, folder));
  }
  await chmod(draft, 0o755);
  const stripped = await withoutTypes(files.map(({ text }) => text));
  const written = [
    { name: "package.json", text: '{"type": "module"}\n' },
    ...files.map(({ name }, index) => ({
      name: name.replace(/\.ts$/u, ".js"),
      text: (stripped[index] ?? "").replaceAll(IMPORT, '$<before>.js"'),
    })),
  ];
  for (const { name, text } of written) {
    await writeFile(path.join(draft, name), text);
    await chmod(path.join(draft, name), 0o644);
  }
  await putInPlace(draft, copy);
  return copy;
}

/** In a process of its own: this function of Node.js' warns on standard error, once per process, that it may change. */
async function withoutTypes(texts: readonly string[]): Promise<readonly string[]> {
  const run = promisify(execFile)(
    process.execPath,
    ["--no-warnings", "--input-type=module", "--eval", STRIP],
    {
      maxBuffer: STRIPPED_MAX_BYTES,
      env: {},
    },
  );
  run.child.stdin?.end(JSON.stringify(texts));
  return JSON.parse((await run).stdout) as readonly string[];
}

const STRIPPED_MAX_BYTES = 16 * 1024 * 1024;
const STRIP = `
import { stripTypeScriptTypes } from "node:module";
import { text } from "node:stream/consumers";
const texts = JSON.parse(await text(process.stdin));
process.stdout.write(JSON.stringify(texts.map((one) => stripTypeScriptTypes(one))));
`;
