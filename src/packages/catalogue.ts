import type { Dependencies, Package, Requirements } from "../domain/package.ts";
import { digestWithDependencies } from "./digest.ts";
import { openAgainWhenChanged } from "./open-again.ts";
import { type FindImage, openReference } from "./open-reference.ts";
import { type RootPolicy, wantedRoot } from "./roots/wanted-root.ts";

/** Packages by reference. As long as a package does not change, `open` returns the very same object. */
export interface Catalogue {
  /** @throws WhiskersError as `openPackage`; `environment-missing` its base root is required and not there; as `Install` */
  open(reference: string): Promise<Package>;
}

export interface CatalogueOptions {
  /** Copies of packages lie below it, and base roots. */
  readonly home: string;
  /** Default `machine`. */
  readonly roots?: RootPolicy | undefined;
  /** Gets what a package depends on. Not given: packages are looked at, not run. */
  readonly install?: Install | undefined;
  /** Not given: packages in images cannot be opened. */
  readonly findImage?: FindImage | undefined;
  /** Called before a folder or a ZIP is opened. Not given: all of them may be. */
  readonly admitLocal?: ((reference: string) => void) | undefined;
  /** As of `openReference`. Not given: nothing is compiled. */
  readonly compile?: ((folder: string) => Promise<unknown>) | undefined;
}

/** Called only for a package that depends on something, with the root that it will run on. */
export type Install = (pkg: Package, requirements: Requirements) => Promise<Dependencies>;

/** A catalogue of packages, whose copies lie under `home`. Every `open` looks whether the package has changed. */
export function openCatalogue(options: CatalogueOptions): Catalogue {
  const { home, roots = "machine", install, findImage, admitLocal, compile } = options;
  const byDigest = new Map<string, Promise<Package>>();
  const openUnchanged = openAgainWhenChanged();
  return {
    async open(reference: string): Promise<Package> {
      const opened = await openUnchanged(reference, () =>
        openReference(reference, { home, findImage, admitLocal, compile }),
      );
      // An image brings its own.
      const root = opened.root ?? (await wantedRoot(opened.manifest.guest, home, roots));
      const key = `${opened.digest} ${root?.digest ?? ""}`;
      let pkg = byDigest.get(key);
      if (pkg === undefined) {
        pkg = withDependencies({ ...opened, root }, install);
        byDigest.set(key, pkg);
        // The next time the index of pip or npm may answer.
        pkg.catch(() => byDigest.delete(key));
      }
      return pkg;
    },
  };
}

async function withDependencies(pkg: Package, install: Install | undefined): Promise<Package> {
  const { dependencies: requirements } = pkg.manifest;
  if (requirements === null || install === undefined || pkg.dependencies !== null) return pkg;
  const { digest, folder } = await install(pkg, requirements);
  return {
    ...pkg,
    digest: digestWithDependencies(pkg.digest, digest),
    dependencies: { digest, folder },
  };
}
