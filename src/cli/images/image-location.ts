import path from "node:path";

import { WhiskersError } from "../../errors.ts";
import { parseReference, type Reference } from "../../packages/images/reference.ts";

/** Where a command is told that an image is, or should be. */
export type ImageLocation =
  | { readonly kind: "registry"; readonly reference: Reference }
  /** A folder, as the OCI image layout specification has it. `name`: which of its images. */
  | { readonly kind: "layout"; readonly folder: string; readonly name: string | null }
  /** The same in a tar archive. */
  | { readonly kind: "archive"; readonly file: string };

/**
 * `oci:FOLDER`, `oci:FOLDER:NAME`, `FILE.tar`, or a reference.
 * @throws WhiskersError `reference-invalid`, `usage`
 */
export function parseImageLocation(text: string): ImageLocation {
  if (text.startsWith("oci:")) {
    const [folder = "", ...rest] = text.slice("oci:".length).split(":");
    if (folder === "")
      throw new WhiskersError("usage", `${JSON.stringify(text)}: after oci: a folder is expected`);
    return { kind: "layout", folder: path.resolve(folder), name: rest.length === 0 ? null : rest.join(":") };
  }
  if (text.endsWith(".tar")) return { kind: "archive", file: path.resolve(text) };
  return { kind: "registry", reference: parseReference(text) };
}
