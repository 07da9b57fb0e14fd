import { copyFile } from "node:fs/promises";
import path from "node:path";

import type { Manifest } from "../domain/package.ts";
import { formatBytes } from "../domain/quantity.ts";
import { WhiskersError } from "../errors.ts";
import { blockImage, type BlockKind } from "../packages/block-image.ts";
import type { Base } from "../packages/build/base.ts";
import { rootOfBase } from "../packages/build/base.ts";
import { buildImage, type Built } from "../packages/build/build-image.ts";
import { type BuiltArtifact, buildWasmArtifact } from "../packages/build/build-wasm-artifact.ts";
import { type CompiledFolder, compilePackage, notCompiled } from "../packages/build/wasm/compile-package.ts";
import { clientConfiguration } from "../packages/dependencies/client-configuration.ts";
import { type Installed, installDependencies } from "../packages/dependencies/install-dependencies.ts";
import { digestWithDependencies } from "../packages/digest.ts";
import type { Descriptor } from "../packages/images/descriptor.ts";
import type { ImageStore } from "../packages/images/image-store.ts";
import { openLayout } from "../packages/images/layout.ts";
import { familiarReference, parseReference, type Reference } from "../packages/images/reference.ts";
import { openPackage } from "../packages/open-package.ts";
import { attachBom } from "../packages/sbom/attach-bom.ts";
import { layoutTarget } from "../packages/registry/layout-ends.ts";
import { type ImageTarget, pushImage } from "../packages/registry/push-image.ts";
import { flag, textOption } from "./arguments.ts";
import { chooseBase } from "./build/choose-base.ts";
import type { Arguments, Command, Context } from "./command.ts";
import { type ImageLocation, parseImageLocation } from "./images/image-location.ts";
import { openImages } from "./images/open-images.ts";
import { toArchive } from "./images/with-archive.ts";
import { openTools } from "./open-tools.ts";
import { SDK_FOLDER } from "./sdk-folder.ts";
import { statusLine } from "./status-line.ts";

export const command: Command = {
  help: `whiskers build FOLDER [-t REFERENCE] [--base BASE] [-o OUTPUT] [--json]

Makes an OCI image of a package, in the local store, without a daemon: a base, the SDK, what its lock file
names, and its code, each a layer of its own. The same folder on the same base gives the same digest, on
every machine and every day. A WebAssembly module becomes an artifact in the CNCF's layout for those; it is
compiled first where its folder has the source, by its language's own tools and with their rights and yours.
What was installed for it is listed beside it: \`whiskers sbom\`.

  -t, --tag REFERENCE   what it is called; default: its id and version
  --base BASE           what it runs on: a base root that \`whiskers root make\` made (default: the one that its
                        environment names), an image (REFERENCE, oci:FOLDER or FILE.tar), a folder with a root
                        filesystem, or none: what the machine that runs it has installed (of a WebAssembly
                        module, an ordinary image with all files of its folder)
  --wasm                make a WebAssembly package of it, whatever its environment: docs/runtimes/wasm.md
  --no-compile          take the module that is there
  -o, --output OUTPUT   write it to a folder oci:FOLDER or oci:FOLDER:NAME, or to an archive FILE.tar, which
                        \`docker load\` takes too; or all that it consists of as a file system for a
                        virtual machine, FILE.squashfs or FILE.erofs
  --json                one JSON document

  whiskers root make python:3.11
  whiskers build my-normalizer -t my-normalizer:1.0 -o my-normalizer.tar
  docker load < my-normalizer.tar && docker run --rm -i my-normalizer:1.0 < raw
`,
  options: {
    tag: { type: "string", short: "t" },
    base: { type: "string" },
    wasm: { type: "boolean" },
    "no-compile": { type: "boolean" },
    output: { type: "string", short: "o" },
    json: { type: "boolean" },
  },
  positionals: [1, 1],
  run: build,
};

async function build(args: Arguments, context: Context): Promise<number> {
  const [folder = ""] = args.positionals;
  const { home } = context.settings();
  const output = outputOf(args);
  using status = statusLine(context);
  await using compiled = await compileFirst(folder, home, args, context, status.show);
  const source = await openPackage(compiled.folder, { home, shownAs: folder });
  const reference = parseReference(textOption(args, "tag") ?? defaultName(source.manifest));
  await using images = await openImages(context);
  const { store } = images;
  using _hold = await store.hold(context.signal);
  if (isArtifact(source.manifest, args)) {
    if (output !== null && "file" in output && output.kind !== "archive") {
      throw new WhiskersError(
        "usage",
        `--output ${output.file}: a WebAssembly artifact has no file system; see --base`,
      );
    }
    const built = await buildWasmArtifact(source, store);
    await store.tag(reference, built.descriptor);
    if (output !== null) await write(built.descriptor, { reference, output }, store, context);
    status.end();
    for (const warning of leftOutOf(built)) context.err(`warning: ${warning}\n`);
    await show({ reference, built, installed: null }, args, context);
    return 0;
  }
  status.show("base");
  const base = await chooseBase(textOption(args, "base"), source.manifest.guest, images, context);
  const { pkg, installed } = await withDependencies(source, base, store, context, status.show);
  const built = await buildImage(pkg, base, {
    home,
    store,
    sdkFolder: SDK_FOLDER,
    signal: context.signal,
    progress: status.show,
  });
  const { dependencies } = source.manifest;
  if (dependencies !== null) {
    status.show("software bill of materials");
    await attachBom(store, built.descriptor, pkg, dependencies);
  }
  await store.tag(reference, built.descriptor);
  if (output !== null) {
    status.show("writing");
    await write(built.descriptor, { reference, output }, store, context);
  }
  status.end();
  for (const warning of installed?.warnings ?? []) context.err(`warning: ${warning}\n`);
  await show({ reference, built, installed }, args, context);
  return 0;
}

async function compileFirst(
  folder: string,
  home: string,
  args: Arguments,
  { env, signal }: Context,
  progress: (what: string) => void,
): Promise<CompiledFolder> {
  const toWasm = flag(args, "wasm");
  if (!flag(args, "no-compile")) return compilePackage(folder, toWasm, { home, env, signal, progress });
  if (toWasm) throw new WhiskersError("usage", "--wasm and --no-compile: one of them alone");
  return notCompiled(folder);
}

/** A module alone goes by the layout for WebAssembly, unless a base is asked for. */
function isArtifact({ guest, dependencies }: Manifest, args: Arguments): boolean {
  return guest.kind === "wasm" && dependencies === null && textOption(args, "base") === undefined;
}

const MOST_NAMED = 5;

function leftOutOf({ leftOut }: BuiltArtifact): readonly string[] {
  if (leftOut.length === 0) return [];
  const more = leftOut.length > MOST_NAMED ? ` and ${leftOut.length - MOST_NAMED} more` : "";
  const named = leftOut.slice(0, MOST_NAMED).join(", ");
  return [
    `the artifact holds the module alone, without ${named}${more}; --base none makes an image of everything`,
  ];
}

type Output =
  | Exclude<ImageLocation, { readonly kind: "registry" }>
  | { readonly kind: BlockKind; readonly file: string };

/** @throws WhiskersError `usage` */
function outputOf(args: Arguments): Output | null {
  const text = textOption(args, "output");
  if (text === undefined) return null;
  const block = /\.(?<kind>squashfs|erofs)$/u.exec(text)?.groups?.["kind"];
  if (block === "squashfs" || block === "erofs") return { kind: block, file: path.resolve(text) };
  const output = parseImageLocation(text);
  if (output.kind !== "registry") return output;
  throw new WhiskersError(
    "usage",
    `--output is ${JSON.stringify(text)}: expected oci:FOLDER, FILE.tar, FILE.squashfs or FILE.erofs (\`whiskers push\` brings an image to a registry)`,
  );
}

function defaultName({ id, version }: { readonly id: string; readonly version: string | null }): string {
  return `${id.toLowerCase()}:${version ?? "latest"}`;
}

type Source = Awaited<ReturnType<typeof openPackage>>;

async function withDependencies(
  source: Source,
  base: Base,
  store: ImageStore,
  { settings, env, signal }: Context,
  progress: (what: string) => void,
): Promise<{ readonly pkg: Source; readonly installed: Installed | null }> {
  const { dependencies: requirements } = source.manifest;
  if (requirements === null) return { pkg: source, installed: null };
  progress(`dependencies: ${requirements.ecosystem}`);
  const root = await rootOfBase(base, store, signal);
  const { home } = settings();
  const options = { home, tools: openTools(settings(), SDK_FOLDER), client: clientConfiguration(env) };
  const installed = await installDependencies({ ...source, root, requirements }, options, signal);
  const { digest, folder } = installed;
  const pkg = {
    ...source,
    digest: digestWithDependencies(source.digest, digest),
    dependencies: { digest, folder },
  };
  return { pkg, installed };
}

async function write(
  descriptor: Descriptor,
  { reference, output }: { readonly reference: Reference; readonly output: Output },
  store: ImageStore,
  { settings, signal }: Context,
): Promise<void> {
  const to = (target: ImageTarget): Promise<unknown> => pushImage(store, descriptor, target, { signal });
  const name = familiarReference(reference);
  switch (output.kind) {
    case "layout": {
      const layout = await openLayout(output.folder, { make: true });
      await to(layoutTarget(layout, store, output.name ?? reference.tag));
      return;
    }
    case "archive":
      await toArchive(output.file, store, signal, (layout) => to(layoutTarget(layout, store, name)));
      return;
    case "squashfs":
    case "erofs": {
      const { folder } = await store.root(descriptor.digest, { signal });
      const root = { name, digest: descriptor.digest, folder };
      await copyFile(await blockImage(root, output.kind, { home: settings().home, signal }), output.file);
      return;
    }
  }
}

interface Result {
  readonly reference: Reference;
  readonly built: Built;
  readonly installed: Installed | null;
}

async function show(
  { reference, built, installed }: Result,
  args: Arguments,
  { out, outTerminal }: Context,
): Promise<void> {
  const { descriptor, base, layers } = built;
  if (flag(args, "json")) {
    const document = {
      reference: familiarReference(reference),
      digest: descriptor.digest,
      base,
      dependencies: installed === null ? null : { digest: installed.digest, warnings: installed.warnings },
      layers: layers.map(({ what, layer }) => ({ what, ...layer.descriptor, diffId: layer.diffId })),
    };
    await out(`${JSON.stringify(document, null, 2)}\n`);
    return;
  }
  for (const { what, layer } of layers) {
    await out(`${what.padEnd(12)}  ${layer.descriptor.digest}  ${formatBytes(layer.descriptor.size)}\n`);
  }
  if (base.name === null)
    await out("It has no base: it runs on what the machine that runs it has installed.\n");
  await out(`${outTerminal.paint("bold", familiarReference(reference))}  ${descriptor.digest}\n`);
}
