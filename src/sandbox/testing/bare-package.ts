import { createHash } from "node:crypto";

import type { Guest, Package, Root } from "../../domain/package.ts";

/** What it is of; the rest of its manifest says nothing. */
export interface BareParts {
  /** Id and name. */
  readonly name: string;
  readonly folder: string;
  readonly guest: Guest;
  /** Null when not given. */
  readonly root?: Root | null;
}

/** A package without what the package store does: its digest is of these parts, and not of what lies in the folder. */
export function barePackage({ name, folder, guest, root = null }: BareParts): Package {
  const digest = createHash("sha256")
    .update(JSON.stringify([name, folder, guest]))
    .digest("hex");
  return {
    digest: `sha256:${digest}`,
    root,
    dependencies: null,
    folder,
    manifest: {
      id: name,
      name,
      description: null,
      version: null,
      consumes: [],
      produces: [],
      guest,
      limits: {},
      schema: "openkat/1",
      dependencies: null,
      runtime: null,
      onInvalid: "fail",
    },
  };
}
