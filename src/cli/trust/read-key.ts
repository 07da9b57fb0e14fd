import { readFile } from "node:fs/promises";

import { fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { textOption, textsOption } from "../arguments.ts";
import type { Arguments } from "../command.ts";

const MOST_KEY_BYTES = 64 * 1024;

/** The text of a key's file. @throws WhiskersError `key-unusable` */
export async function readKeyText(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new WhiskersError("key-unusable", `${file}: ${fileTroubleOf(cause)}`, { cause });
  }
  if (text.length <= MOST_KEY_BYTES) return text;
  throw new WhiskersError("key-unusable", `${file}: longer than ${MOST_KEY_BYTES} bytes, so it is no key`);
}

/** What `--key` names, which has to be given. @throws WhiskersError `usage` */
export function keyFiles(args: Arguments, name: string): readonly [string, ...string[]] {
  const one = textOption(args, "key");
  const [first, ...others] = textsOption(args, "key") ?? (one === undefined ? [] : [one]);
  if (first !== undefined) return [first, ...others];
  throw new WhiskersError("usage", `whiskers ${name}: say with --key which key`);
}
