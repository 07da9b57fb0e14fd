import type { X509Certificate } from "node:crypto";

const CURVE_BITS: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

/** As RFC 4514 writes it. Node gives one attribute a line, values already escaped, the most general first. */
export function distinguishedName(lines: string | undefined): string {
  return (lines ?? "").split("\n").toReversed().join(",");
}

/** `2026-11-23T22:26:21+00:00`: certificates know whole seconds. */
export function isoTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/u, "+00:00");
}

export function publicKey({ publicKey: key }: X509Certificate) {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  return {
    algorithm: key.asymmetricKeyType ?? null,
    bits: modulusLength ?? CURVE_BITS[namedCurve ?? ""] ?? null,
  };
}

/** The subject's alternative names that are hosts or addresses. */
export function alternativeNames({ subjectAltName }: X509Certificate) {
  const names: { kind: "dns" | "ip"; name: string }[] = [];
  // An entry with a comma or a quote in it is a JSON string: no host has such a name.
  for (const [, kind, name = ""] of (subjectAltName ?? "").matchAll(ENTRY)) {
    if (kind === "DNS") names.push({ kind: "dns", name });
    if (kind === "IP Address") names.push({ kind: "ip", name });
  }
  return names;
}

const ENTRY = /(?:^|, )([A-Za-z0-9 ]+):(?:"(?:[^"\\]|\\.)*"|([^",]*))/gu;
