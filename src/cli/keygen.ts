import { open } from "node:fs/promises";
import path from "node:path";

import { codeOf, fileTroubleOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { generateKeyPair } from "../packages/trust/private-key.ts";
import { readPublicKey } from "../packages/trust/public-key.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  help: `whiskers keygen [NAME] [--json]

Makes a key pair to sign images with: NAME.key, encrypted with the password in COSIGN_PASSWORD, and
NAME.pub, which signatures are checked with. NAME is whiskers when it is not given; files that are there are
left alone. The files are those of \`cosign generate-key-pair\`, and either tool uses those of the other.

  --json   one JSON document

  COSIGN_PASSWORD=... whiskers keygen team
  whiskers sign registry.example/team/normalizer:1.0 --key team.key
`,
  options: { json: { type: "boolean" } },
  positionals: [0, 1],
  async run(args, { env, out }) {
    const password = env["COSIGN_PASSWORD"];
    if (password === undefined) {
      throw new WhiskersError(
        "usage",
        "whiskers keygen: COSIGN_PASSWORD is not set; the private key is encrypted with it (it may be empty)",
      );
    }
    const name = path.resolve(args.positionals[0] ?? "whiskers");
    const { privateKey, publicKey } = await generateKeyPair(password);
    const files = { privateKey: `${name}.key`, publicKey: `${name}.pub` };
    await writeNew(files.privateKey, privateKey, 0o600);
    await writeNew(files.publicKey, publicKey, 0o644);
    const { id } = readPublicKey(publicKey, files.publicKey);
    await out(
      flag(args, "json")
        ? `${JSON.stringify({ ...files, id })}\n`
        : `${files.privateKey}  to sign with; keep it to yourself\n${files.publicKey}  to check signatures with\n`,
    );
    return 0;
  },
};

/** @throws WhiskersError `usage`: it is there; `key-unusable` */
async function writeNew(file: string, text: string, mode: number): Promise<void> {
  try {
    await using handle = await open(file, "wx", mode);
    await handle.writeFile(text);
  } catch (cause) {
    if (codeOf(cause) === "EEXIST") {
      throw new WhiskersError("usage", `whiskers keygen: ${file} is there already, and is left alone`, {
        cause,
      });
    }
    throw new WhiskersError("key-unusable", `${file} cannot be written: ${fileTroubleOf(cause)}`, { cause });
  }
}
