import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

import { didYouMean } from "../domain/closest.ts";
import { messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { buildCommand, LANGUAGES } from "./new/languages.ts";
import type { Language } from "./new/languages.ts";
import { writeFolder } from "./new/write-folder.ts";
import { printable } from "./terminal/printable.ts";

const NAMES = Object.keys(LANGUAGES);

export const command: Command = {
  help: `whiskers new NAME --lang LANGUAGE

Makes a folder NAME with a normalizer that works: code, normalizer.json, and a case for \`whiskers test\`.
The last part of NAME becomes its id.

  --lang LANGUAGE   ${NAMES.join(", ")}

Go and Rust: the SDK is copied into the folder, and the program is built when the toolchain is there.

Exit codes: 0 it is there, 1 it is there and could not be built, 2 wrong usage, or it was there before.

  whiskers new my-normalizer --lang python
`,
  options: { lang: { type: "string" } },
  positionals: [1, 1],
  run,
};

async function run(args: Arguments, context: Context): Promise<number> {
  const [folder = ""] = args.positionals;
  const id = path.basename(path.resolve(folder));
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u.test(id)) {
    const expected = "letters, digits, `.`, `_` and `-`, at most 64, beginning with a letter or digit";
    throw new WhiskersError("usage", `NAME is ${JSON.stringify(id)}: expected ${expected}`);
  }
  const name = textOption(args, "lang");
  const language =
    name === undefined ? undefined : Object.entries(LANGUAGES).find(([each]) => each === name)?.[1];
  if (name === undefined || language === undefined) {
    const given = name === undefined ? "missing" : JSON.stringify(name);
    const hint = name === undefined ? "" : didYouMean(name, NAMES);
    throw new WhiskersError("usage", `--lang is ${given}: expected one of ${NAMES.join(", ")}${hint}`);
  }
  await writeFolder(folder, id, name, language);
  const trouble = await build(folder, language, context.signal);
  const shown = printable(folder);
  if (trouble !== null) {
    await context.out(`${shown} is there, and is not built: ${trouble}\nIn it: ${buildCommand(language)}\n`);
    return 1;
  }
  await context.out(
    [
      `${shown} is there; begin with ${printable(path.join(folder, language.code))}`,
      `  whiskers run ${shown} ${path.join(shown, "tests/three-lines/raw")}`,
      `  whiskers test ${shown}`,
      "",
    ].join("\n"),
  );
  return 0;
}

/** Why it could not be built; null: it was, or there is nothing to build. */
async function build(
  folder: string,
  { build: commands, buildEnv }: Language,
  signal: AbortSignal,
): Promise<string | null> {
  for (const [program = "", ...args] of commands) {
    try {
      const env = { ...process.env, ...buildEnv };
      const child = spawn(program, args, { cwd: folder, env, signal, stdio: ["ignore", "pipe", "pipe"] });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => (said += text));
      }
      const [code] = (await once(child, "close")) as [number | null];
      if (code !== 0)
        return `${program} ended with ${String(code)}\n${said.trim().split("\n").map(printable).join("\n")}`;
    } catch (error) {
      return messageOf(error);
    }
  }
  return null;
}
