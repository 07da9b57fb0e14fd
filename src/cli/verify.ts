import { WhiskersError } from "../errors.ts";
import { familiarReference, parseReference } from "../packages/images/reference.ts";
import { type FoundSigners, findSigners, whyNot } from "../packages/trust/find-signers.ts";
import { type PublicKey, readPublicKey } from "../packages/trust/public-key.ts";
import { registrySignatures, storedSignatures } from "../packages/trust/signature-source.ts";
import { flag } from "./arguments.ts";
import type { Command } from "./command.ts";
import { openImages } from "./images/open-images.ts";
import { printable } from "./terminal/printable.ts";
import { keyFiles, readKeyText } from "./trust/read-key.ts";
import { signedImage } from "./trust/signed-image.ts";

export const command: Command = {
  help: `whiskers verify REFERENCE --key FILE... [--local] [--json]

Checks that an image in its registry is signed: by every key that is given. Signatures are those of
\`whiskers sign\` and of \`cosign sign\` with a key, in both forms: Sigstore bundles that refer to the image,
and the older ones under a tag. Prints the digest that is signed: run that, not the tag. Exit code 2 when a
signature is missing.

  --key FILE   a public key in PEM; may be given several times
  --local      look at the local store instead
  --json       one JSON document

  whiskers verify registry.example/team/normalizer:1.0 --key team.pub
`,
  options: {
    key: { type: "string", multiple: true },
    local: { type: "boolean" },
    json: { type: "boolean" },
  },
  positionals: [1, 1],
  async run(args, { env, settings, signal, out, outTerminal }) {
    const reference = parseReference(args.positionals[0] ?? "");
    const keys = await Promise.all(
      keyFiles(args, "verify").map(async (file) => readPublicKey(await readKeyText(file), file)),
    );
    const isLocal = flag(args, "local");
    await using images = await openImages({ env, settings });
    const { store, client } = images;
    const { descriptor, text } = await signedImage(reference, isLocal, images, signal);
    const { digest } = descriptor;
    const source = isLocal ? storedSignatures(store) : registrySignatures(client, reference);
    const found = await findSigners(source, { digest, text }, keys, signal);
    const name = familiarReference(reference);
    requireAll(`${name} (${digest})`, keys, found);
    if (flag(args, "json")) {
      const signatures = found.signatures.map(({ key, form, attachment }) => ({
        key: key.name,
        id: key.id,
        form,
        manifest: attachment.descriptor.digest,
      }));
      await out(`${JSON.stringify({ reference: name, digest, signatures })}\n`);
      return 0;
    }
    for (const { key, form } of found.signatures) {
      await out(
        `${outTerminal.paint("bold", name)}  ${digest}  signed by ${printable(key.name)} (${form})\n`,
      );
    }
    return 0;
  },
};

/** @throws WhiskersError `signature-missing` */
function requireAll(what: string, keys: readonly PublicKey[], { signatures, problems }: FoundSigners): void {
  const missing = keys.filter(({ id }) => !signatures.some(({ key }) => key.id === id));
  if (missing.length === 0) return;
  throw new WhiskersError(
    "signature-missing",
    `${what} has no signature by ${missing.map(({ name }) => name).join(", ")}${whyNot(problems)}`,
  );
}
