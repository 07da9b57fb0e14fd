import { X509Certificate } from "node:crypto";

export interface Certificate {
  /** As RFC 4514 writes it, as is `issuer`. */
  readonly subject: string;
  readonly issuer: string;
  readonly validFrom: Date;
  readonly validUntil: Date;
  readonly keyAlgorithm: string | null;
  readonly keyBits: number | null;
  /** Upper-case hex. */
  readonly serialNumber: string;
  readonly alternativeNames: readonly { readonly kind: "dns" | "ip"; readonly name: string }[];
}

/** @throws Error whatever is wrong with it */
export function readCertificate(pem: string): Certificate {
  const certificate = new X509Certificate(pem);
  const [validFrom, validUntil] = [certificate.validFromDate, certificate.validToDate];
  if (Number.isNaN(validFrom.getTime()) || Number.isNaN(validUntil.getTime())) throw new Error("no times");
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  const { modulusLength, namedCurve } = asymmetricKeyDetails ?? {};
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    validFrom,
    validUntil,
    keyAlgorithm: asymmetricKeyType ?? null,
    keyBits: modulusLength ?? CURVE_BITS[namedCurve ?? ""] ?? null,
    serialNumber: certificate.serialNumber,
    alternativeNames: alternativeNames(certificate.subjectAltName ?? ""),
  };
}

const CURVE_BITS: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

/** Node gives one attribute a line, values already escaped, the most general first. */
function distinguishedName(lines: string | undefined): string {
  return (lines ?? "").split("\n").toReversed().join(",");
}

/** Those that are hosts or addresses, of `DNS:example.com, IP Address:192.0.2.10`. */
function alternativeNames(text: string) {
  const names: { kind: "dns" | "ip"; name: string }[] = [];
  // An entry with a comma or a quote in it is a JSON string: no host has such a name.
  for (const [, kind, name = ""] of text.matchAll(ENTRY)) {
    if (kind === "DNS") names.push({ kind: "dns", name });
    if (kind === "IP Address") names.push({ kind: "ip", name });
  }
  return names;
}

const ENTRY = /(?:^|, )([A-Za-z0-9 ]+):(?:"(?:[^"\\]|\\.)*"|([^",]*))/gu;
