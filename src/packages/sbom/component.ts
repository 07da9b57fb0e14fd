/** One library that is installed beside a package's code. */
export interface Component {
  /** Vendor or scope: `@types`, `symfony`. */
  readonly group: string | null;
  readonly name: string;
  readonly version: string;
  /** Package URL: what it is called everywhere. */
  readonly purl: string;
  readonly hashes: readonly Hash[];
  readonly licence: Licence | null;
}

/** As its author wrote it. */
export type Licence = { readonly expression: string } | { readonly name: string };

/** Of the archive that was installed, as the lock file has it. */
export interface Hash {
  readonly algorithm: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
  /** Lower-case hex. */
  readonly content: string;
}

/** A package URL: https://github.com/package-url/purl-spec. */
export function packageUrl(
  type: "pypi" | "npm" | "composer",
  path: readonly string[],
  version: string,
): string {
  const encoded = path.map((part) => encodeURIComponent(part)).join("/");
  return `pkg:${type}/${encoded}@${encodeURIComponent(version)}`;
}

const HEX_DIGITS: Readonly<Record<Hash["algorithm"], number>> = {
  "SHA-1": 40,
  "SHA-256": 64,
  "SHA-384": 96,
  "SHA-512": 128,
};

/** A hash, or nothing when it is none: lock files are not trusted. */
export function hashOf(algorithm: Hash["algorithm"], content: string): readonly Hash[] {
  const hex = content.toLowerCase();
  return /^[0-9a-f]+$/u.test(hex) && hex.length === HEX_DIGITS[algorithm]
    ? [{ algorithm, content: hex }]
    : [];
}

/** Identifiers, with a space only around words. */
const SPDX = /^\(*[A-Za-z0-9.+-]+\)*(?: (?:AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)*$/u;

/** A licence where an SPDX expression is expected; what is none has at least a name. */
export function licenceFrom(value: unknown): Licence | null {
  const text = plainText(value);
  if (text === null) return null;
  return SPDX.test(text) ? { expression: text } : { name: text };
}

const MOST_LENGTH = 256;

/** A text of a manifest that is worth showing; null: it is none. */
export function plainText(value: unknown): string | null {
  if (typeof value !== "string") return null;
  const text = value.replaceAll(/[\u0000-\u001f\u007f-\u009f]+/gu, " ").trim();
  return text === "" || text.length > MOST_LENGTH ? null : text;
}
