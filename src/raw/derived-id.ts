import { createHash } from "node:crypto";

/**
 * A UUID that follows from what it names: version 8 (RFC 9562, section 5.8), its bits from the SHA-256 of
 * kind and name. The same file gets the same ids on every machine and every day.
 */
export function derivedId(kind: string, name: string): string {
  const bytes = createHash("sha256").update(`whiskers\0${kind}\0${name}`).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/u, "$1-$2-$3-$4-$5");
}
