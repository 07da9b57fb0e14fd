import { readFile } from "node:fs/promises";

import { isObject } from "../domain/unknown.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `whiskers version

The version of Whiskers and of the Node.js that runs it. \`whiskers --version\` is the same.
`,
  options: {},
  positionals: [0, 0],
  async run(_args, { out }) {
    await out(`whiskers ${await version()} (node ${process.versions.node})\n`);
    return 0;
  },
};

export async function version(): Promise<string> {
  const json: unknown = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
  return isObject(json) ? String(json["version"]) : "unknown";
}
