import type { Settings } from "../config/settings.ts";
import { formatBytes } from "../domain/quantity.ts";
import { type Catalogue, type CatalogueOptions, openCatalogue } from "../packages/catalogue.ts";
import { clientConfiguration } from "../packages/dependencies/client-configuration.ts";
import { installDependencies } from "../packages/dependencies/install-dependencies.ts";
import { admitLocal } from "../packages/trust/admission.ts";
import { findImage } from "./images/find-image.ts";
import { type Images, openImages } from "./images/open-images.ts";
import { openTools } from "./open-tools.ts";
import { SDK_FOLDER } from "./sdk-folder.ts";
import { readTrustPolicy } from "./trust/read-trust-policy.ts";

/** The packages that this machine can get at, in folders, archives and images. */
export interface Packages extends AsyncDisposable {
  readonly catalogue: Catalogue;
}

/**
 * @param purpose to `look` at a package nothing is installed for it
 * @param show is told what takes its time: pulling, installing
 * @param compile as of `openReference`
 */
export function openPackages(
  settings: Settings,
  purpose: "run" | "look",
  show: (what: string) => void = () => {},
  compile?: CatalogueOptions["compile"],
): Packages {
  const { home, roots } = settings;
  const tools = openTools(settings, SDK_FOLDER);
  const client = clientConfiguration(process.env);
  const policy = readTrustPolicy(process.env);
  const never = new AbortController().signal;
  // Most packages are no images.
  let images: Promise<Images> | null = null;
  const catalogue = openCatalogue({
    home,
    admitLocal: (reference) => {
      admitLocal(policy, reference);
    },
    compile,
    roots: purpose === "run" ? roots : "machine",
    findImage: async (reference) => {
      images ??= openImages({ env: process.env, settings: () => settings });
      const opened = await images;
      const { name, descriptor } = await findImage(reference, opened, never, (done, total) => {
        show(`pulling ${reference}: ${formatBytes(done)} of ${formatBytes(total)}`);
      });
      return { store: opened.store, name, digest: descriptor.digest };
    },
    ...(purpose === "look"
      ? {}
      : {
          install: (pkg, requirements) => {
            show(`installing what ${pkg.manifest.id} depends on: ${requirements.files[0]}`);
            return installDependencies({ ...pkg, requirements }, { home, tools, client }, never);
          },
        }),
  });
  return {
    catalogue,
    async [Symbol.asyncDispose]() {
      await (await images)?.[Symbol.asyncDispose]();
    },
  };
}
