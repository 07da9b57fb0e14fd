import { isObject } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { parseJsonText } from "../packages/images/json-text.ts";
import { choosePlatform, readImage } from "../packages/images/manifest.ts";
import { familiarReference, parseReference, type Reference } from "../packages/images/reference.ts";
import { registryBom, storedBom } from "../packages/sbom/find-bom.ts";
import { flag } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { type Images, openImages } from "./images/open-images.ts";
import { requireImage } from "./images/require-image.ts";
import { columnsOf, pad } from "./terminal/columns.ts";
import { printable } from "./terminal/printable.ts";

export const command: Command = {
  help: `whiskers sbom REFERENCE [--remote] [--json]

Shows which libraries an image of \`whiskers build\` brings along: its software bill of materials, which
belongs to it in the local store and goes along with \`whiskers push\`.

  --remote   look in the registry
  --json     the document itself, in CycloneDX 1.6
`,
  options: { remote: { type: "boolean" }, json: { type: "boolean" } },
  positionals: [1, 1],
  async run(args, context) {
    const reference = parseReference(args.positionals[0] ?? "");
    await using images = await openImages(context);
    const text = await bomOf(reference, args, images, context);
    if (text === null) {
      throw new WhiskersError(
        "image-missing",
        `${familiarReference(reference)} has no software bill of materials; \`whiskers build\` makes one for what has dependencies`,
      );
    }
    const document = parseJsonText(text, `the software bill of materials of ${familiarReference(reference)}`);
    if (flag(args, "json")) {
      await context.out(`${text.toString("utf8").trimEnd()}\n`);
      return 0;
    }
    for (const line of lines(document["components"])) await context.out(`${line}\n`);
    return 0;
  },
};

/** Of the image and, when the reference is an index, of the one in it for this machine. */
async function bomOf(
  reference: Reference,
  args: Arguments,
  { store, client }: Images,
  { signal }: Context,
): Promise<Buffer | null> {
  if (!flag(args, "remote")) {
    const { digest } = await requireImage(store, reference);
    const own = await storedBom(store, digest);
    return own ?? storedBom(store, (await readImage(store, digest)).digest);
  }
  const { descriptor, manifest } = await client.manifest(reference, signal);
  const within = (digest: string): Reference => ({ ...reference, tag: null, digest });
  const own = await registryBom(client, within(descriptor.digest), signal);
  if (own !== null || manifest.kind === "manifest") return own;
  const chosen = choosePlatform(manifest, familiarReference(reference));
  return registryBom(client, within(chosen.digest), signal);
}

/** Name, version, licence: of whatever it holds, which nobody here made. */
function lines(components: unknown): readonly string[] {
  const rows = (Array.isArray(components) ? components : []).filter(isObject).map((component) => {
    const { group, name, version, licenses } = component;
    const full = [group, name].filter((part) => typeof part === "string").join("/");
    return [full, typeof version === "string" ? version : "", licencesOf(licenses)].map((text) =>
      printable(text),
    );
  });
  if (rows.length === 0) return ["no libraries"];
  const widths = [0, 1].map((index) => Math.max(...rows.map((row) => columnsOf(row[index] ?? ""))));
  return rows.map((row) =>
    row
      .map((text, index) => pad(text, widths[index] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

function licencesOf(licenses: unknown): string {
  const texts = (Array.isArray(licenses) ? licenses : []).filter(isObject).map(({ expression, license }) => {
    const { id, name } = isObject(license) ? license : {};
    return [expression, id, name].find((text) => typeof text === "string");
  });
  return texts.filter((text) => text !== undefined).join(", ");
}
