import { createPublicKey, type KeyObject } from "node:crypto";

import { WhiskersError } from "../errors.ts";
import { familiarReference, parseReference, type Reference } from "../packages/images/reference.ts";
import { findSigners, type SignatureForm } from "../packages/trust/find-signers.ts";
import { readPrivateKey } from "../packages/trust/private-key.ts";
import { keyId } from "../packages/trust/public-key.ts";
import { pushAttachment } from "../packages/trust/push-attachment.ts";
import { signImage } from "../packages/trust/sign-image.ts";
import { registrySignatures, storedSignatures } from "../packages/trust/signature-source.ts";
import { flag, textOption } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { type Images, openImages } from "./images/open-images.ts";
import { keyFiles, readKeyText } from "./trust/read-key.ts";
import { requireSameHere, type SignedImage, signedImage } from "./trust/signed-image.ts";

export const command: Command = {
  help: `whiskers sign REFERENCE --key FILE [--form FORM] [--local] [--json]

Signs an image in its registry, by its digest: a tag is resolved once. \`whiskers verify\` and \`cosign verify\`
check it. Nothing is sent to a transparency log. An image that is signed already by this key is left as it
is.

  --key FILE    the private key: of \`whiskers keygen\` or of \`cosign generate-key-pair\`, with its password in
                COSIGN_PASSWORD; or a plain one, ECDSA on P-256 in PEM
  --form FORM   bundle (a Sigstore bundle that refers to the image: the default), tag (the older form, which
                cosign before version 3 looks for), or both
  --local       sign the image of the local store; the signature goes along with \`whiskers push\`
  --json        one JSON document

  COSIGN_PASSWORD=... whiskers sign registry.example/team/normalizer:1.0 --key team.key
`,
  options: {
    key: { type: "string" },
    form: { type: "string" },
    local: { type: "boolean" },
    json: { type: "boolean" },
  },
  positionals: [1, 1],
  async run(args, context) {
    const reference = parseReference(args.positionals[0] ?? "");
    const forms = formsOf(args);
    const key = await privateKeyOf(args, context);
    const isLocal = flag(args, "local");
    await using images = await openImages(context);
    using _hold = await images.store.hold(context.signal);
    const image = await signedImage(reference, isLocal, images, context.signal);
    if (!isLocal) await requireSameHere(reference, image, images);
    const made: SignatureForm[] = [];
    for (const form of forms) {
      const job = { reference, image, key, form, isLocal };
      if (await sign(job, images, context.signal)) made.push(form);
    }
    const { digest } = image.descriptor;
    if (flag(args, "json")) {
      await context.out(`${JSON.stringify({ digest, signed: made })}\n`);
    } else {
      const what = made.length === 0 ? "was signed by this key already" : `signed (${made.join(", ")})`;
      await context.out(
        `${context.outTerminal.paint("bold", familiarReference(reference))}  ${digest}  ${what}\n`,
      );
    }
    return 0;
  },
};

const FORMS: Readonly<Record<string, readonly SignatureForm[]>> = {
  bundle: ["bundle"],
  tag: ["tag"],
  both: ["bundle", "tag"],
};

/** @throws WhiskersError `usage` */
function formsOf(args: Arguments): readonly SignatureForm[] {
  const given = textOption(args, "form") ?? "bundle";
  const forms = Object.hasOwn(FORMS, given) ? FORMS[given] : undefined;
  if (forms !== undefined) return forms;
  throw new WhiskersError("usage", `--form is ${JSON.stringify(given)}: expected bundle, tag or both`);
}

async function privateKeyOf(args: Arguments, { env }: Context): Promise<KeyObject> {
  const [file] = keyFiles(args, "sign");
  return readPrivateKey(await readKeyText(file), env["COSIGN_PASSWORD"] ?? null, file);
}

interface Job {
  readonly reference: Reference;
  readonly image: SignedImage;
  readonly key: KeyObject;
  readonly form: SignatureForm;
  readonly isLocal: boolean;
}

/** False: the key has signed it in this form already. */
async function sign(
  { reference, image, key, form, isLocal }: Job,
  { store, client }: Images,
  signal: AbortSignal,
): Promise<boolean> {
  const { descriptor, text } = image;
  const { digest } = descriptor;
  const publicKey = createPublicKey(key);
  const own = { name: "this key", key: publicKey, id: keyId(publicKey) };
  const source = isLocal ? storedSignatures(store) : registrySignatures(client, reference);
  const { signatures } = await findSigners(source, { digest, text }, [own], signal, form);
  if (signatures.length > 0) return false;
  const signature = await signImage(store, { reference, subject: descriptor }, key, form);
  if (!isLocal) await pushAttachment(store, signature, { client, reference, subject: digest }, signal);
  return true;
}
