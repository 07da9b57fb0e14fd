import { createHash } from "node:crypto";

import { formatBytes } from "../domain/quantity.ts";
import { WhiskersError } from "../errors.ts";
import { openLayout } from "../packages/images/layout.ts";
import {
  choosePlatform,
  type ImageConfig,
  type ImageManifest,
  parseConfigText,
  platformText,
} from "../packages/images/manifest.ts";
import { layoutSource, storeSource } from "../packages/registry/layout-ends.ts";
import type { FetchedManifest, ImageSource } from "../packages/registry/pull-image.ts";
import { registrySource } from "../packages/registry/registry-ends.ts";
import { flag } from "./arguments.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { parseImageLocation } from "./images/image-location.ts";
import { type Images, openImages } from "./images/open-images.ts";
import { requireImage } from "./images/require-image.ts";
import { fromArchive } from "./images/with-archive.ts";
import { printable } from "./terminal/printable.ts";

export const command: Command = {
  help: `whiskers inspect SOURCE [--remote] [--json]

What an image is made of: its digest, platform, layers, annotations, and what it runs. SOURCE is a
reference to an image of the local store, or oci:FOLDER, oci:FOLDER:NAME or FILE.tar. Of an image with several
platforms, the one for this machine.

  --remote   ask the registry instead of the local store; only its manifest and config are fetched
  --json     one JSON document
`,
  options: { remote: { type: "boolean" }, json: { type: "boolean" } },
  positionals: [1, 1],
  async run(args, context) {
    await using images = await openImages(context);
    await withSource(args, images, context, async (source) => {
      await context.out(await describe(source, args, context));
    });
    return 0;
  },
};

async function withSource(
  args: Arguments,
  { store, client }: Images,
  { signal }: Context,
  use: (source: ImageSource) => Promise<void>,
): Promise<void> {
  const location = parseImageLocation(args.positionals[0] ?? "");
  switch (location.kind) {
    case "registry":
      await use(
        flag(args, "remote")
          ? registrySource(client, location.reference)
          : storeSource(store, await requireImage(store, location.reference)),
      );
      return;
    case "layout":
      await use(layoutSource(await openLayout(location.folder), location.name));
      return;
    case "archive":
      await fromArchive(location.file, store, signal, (layout) => use(layoutSource(layout, null)));
      return;
    default:
      throw new Error(`no location ${String(location satisfies never)}`);
  }
}

async function describe(source: ImageSource, args: Arguments, context: Context): Promise<string> {
  const { signal } = context;
  const top = await source.top(signal);
  const index = top.manifest.kind === "index" ? top.manifest : null;
  const image =
    index === null ? top : await source.manifest(choosePlatform(index, top.descriptor.digest).digest, signal);
  if (image.manifest.kind === "index") throw new WhiskersError("image-invalid", "an index of indexes");
  const text = await configText(source, image.manifest, signal);
  if (flag(args, "json")) {
    const document = {
      digest: top.descriptor.digest,
      mediaType: top.descriptor.mediaType,
      image: image.descriptor.digest,
      manifest: JSON.parse(image.text.toString("utf8")) as unknown,
      config: JSON.parse(text.toString("utf8")) as unknown,
    };
    return `${JSON.stringify(document, null, 2)}\n`;
  }
  const config = parseConfigText(text, image.manifest.config.digest);
  return `${[...lines(top, image, image.manifest, config)].join("\n")}\n`;
}

/** What a config may be large; the store's own reader takes as much. */
const MOST_CONFIG_BYTES = 8 * 2 ** 20;

async function configText(
  source: ImageSource,
  { config }: ImageManifest,
  signal: AbortSignal,
): Promise<Buffer> {
  if (config.size > MOST_CONFIG_BYTES) {
    throw new WhiskersError("image-too-large", `${config.digest}: a config of ${config.size} bytes`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of source.blob(config, 0, signal)) {
    size += chunk.length;
    if (size > config.size) break;
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks);
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  if (digest === config.digest && size === config.size) return text;
  throw new WhiskersError("content-mismatch", `${config.digest} was expected: got ${digest}`);
}

function* lines(
  top: FetchedManifest,
  image: FetchedManifest,
  manifest: ImageManifest,
  config: ImageConfig,
): Generator<string> {
  yield `Digest       ${top.descriptor.digest}`;
  if (image !== top) yield `Image        ${image.descriptor.digest}`;
  yield `Type         ${image.descriptor.mediaType}${manifest.artifactType === null ? "" : `, ${printable(manifest.artifactType)}`}`;
  if (config.platform !== null) yield `Platform     ${printable(platformText(config.platform))}`;
  if (config.created !== null) yield `Created      ${printable(config.created)}`;
  const runs = [...config.entrypoint, ...config.command];
  if (runs.length > 0) yield `Runs         ${printable(JSON.stringify(runs))}`;
  if (config.workingFolder !== null) yield `In           ${printable(config.workingFolder)}`;
  for (const variable of config.environment) yield `Environment  ${printable(variable)}`;
  for (const { digest, size, mediaType } of manifest.layers) {
    yield `Layer        ${digest}  ${formatBytes(size)}  ${mediaType}`;
  }
  for (const [key, value] of Object.entries(manifest.annotations))
    yield `Annotation   ${printable(`${key}=${value}`)}`;
  for (const [key, value] of Object.entries(config.labels))
    yield `Label        ${printable(`${key}=${value}`)}`;
}
