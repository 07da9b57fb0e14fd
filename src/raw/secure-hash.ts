import { createHash, type Hash } from "node:crypto";

const ALGORITHMS: ReadonlySet<string> = new Set(["sha512", "sha224"]);

/** Checks a raw file against the hash that Bytes made of it, while its bytes pass by. */
export interface SecureHashCheck {
  update(bytes: Uint8Array): void;
  /** Whether the bytes were the ones that Bytes hashed. */
  matches(): boolean;
}

/**
 * Bytes' `secure_hash` is `<algorithm>:<hex>` over the file's bytes followed by the end of the boefje's
 * run as Python prints a float of unix seconds. Null when the hash is of a form that we do not know.
 */
export function checkSecureHash(secureHash: string, boefjeEndedAt: string): SecureHashCheck | null {
  const [algorithm = "", expected = ""] = secureHash.split(":");
  if (!ALGORITHMS.has(algorithm)) return null;
  const hash: Hash = createHash(algorithm);
  return {
    update: (bytes) => {
      hash.update(bytes);
    },
    matches: () => hash.update(pythonUnixTime(boefjeEndedAt)).digest("hex") === expected.toLowerCase(),
  };
}

/** `1704067200.5`, and `1704067200.0` for whole seconds: the shortest text that gives the same double. */
export function pythonUnixTime(isoTime: string): string {
  const fraction = /\.(?<digits>\d+)/u.exec(isoTime)?.groups?.["digits"] ?? "0";
  const wholeSeconds = Math.floor(Date.parse(isoTime) / 1000);
  const text = String(Number(`${wholeSeconds}.${fraction}`));
  return text.includes(".") ? text : `${text}.0`;
}
