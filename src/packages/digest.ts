import { createHash } from "node:crypto";

/** One line of a package's listing, as it is hashed. */
export type DigestEntry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly executable: boolean;
      readonly sizeBytes: number;
      /** Lower-case hex. */
      readonly sha256: string;
    }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** The identity of a package and what it depends on, whose versions may differ from one day to another. */
export function digestWithDependencies(digest: string, dependenciesDigest: string): string {
  const text = `whiskers-package-with-dependencies/1\n${digest}\n${dependenciesDigest}\n`;
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

/**
 * A package's identity: `sha256:<hex>` over a listing of its files.
 *
 * The listing is the line `whiskers-package/1`, then one line for each file and link, sorted by the bytes
 * of the path, its fields separated by NUL and ended by a line feed (neither can be in a path):
 *
 *     file <path> <x or -> <size, decimal> <sha256 of its bytes, lower-case hex>
 *     link <path> <target>
 *
 * Times, owners, other permission bits, empty folders and the order on disk do not count.
 */
export function packageDigest(entries: Iterable<DigestEntry>): string {
  const hash = createHash("sha256").update("whiskers-package/1\n");
  for (const entry of entries) {
    const fields =
      entry.kind === "file"
        ? [entry.path, entry.executable ? "x" : "-", String(entry.sizeBytes), entry.sha256]
        : [entry.path, entry.target];
    hash.update(`${[entry.kind, ...fields].join("\0")}\n`);
  }
  return `sha256:${hash.digest("hex")}`;
}
