/** Certificates in PEM with any text around them: the chain of a website, the names in it, what expires soon. */
import { type Meta, log } from "whiskers";

import { type Certificate, readCertificate } from "./x509.ts";

const PEM = /-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/gu;
const HOSTNAME = /^[a-z0-9-]+(\.[a-z0-9-]+)*$/u;
const SOON_MS = 30 * 24 * 60 * 60 * 1000;

export async function* run(meta: Meta, raw: Uint8Array): AsyncGenerator<object> {
  const { input_ooi: website, ended_at } = meta.raw_data.boefje_meta;
  if (!website?.startsWith("Website|")) {
    throw new Error(`certificates belong to a Website, but the input object is ${website}`);
  }
  const chain = [...certificates(raw)];
  const [leaf] = chain;
  if (!leaf) throw new Error("no certificate in this file");

  for (const [number, certificate] of chain.entries()) {
    yield {
      object_type: "X509Certificate",
      $id: `certificate ${number}`,
      subject: certificate.subject,
      issuer: certificate.issuer,
      valid_from: isoTime(certificate.validFrom),
      valid_until: isoTime(certificate.validUntil),
      pk_algorithm: certificate.keyAlgorithm,
      pk_size: certificate.keyBits,
      signed_by:
        chain[number + 1]?.subject === certificate.issuer ? { $ref: `#certificate ${number + 1}` } : null,
      serial_number: certificate.serialNumber,
    };
    // When the scan was made, not now: the same raw file gives the same findings next year.
    yield* expiry(number, certificate, new Date(ended_at));
  }

  const { ipService, hostname, network } = splitWebsite(website);
  for (const [number, { kind, name }] of leaf.alternativeNames.entries()) {
    yield* alternativeName(`name ${number}`, kind, name, network);
  }
  // The website is known already: an affirmation adds to it, and does not claim anew that it exists.
  yield {
    record_type: "affirmation",
    object: {
      object_type: "Website",
      ip_service: ipService,
      hostname,
      certificate: { $ref: "#certificate 0" },
    },
  };
}

function* certificates(raw: Uint8Array): Generator<Certificate> {
  for (const [pem] of Buffer.from(raw).toString("latin1").matchAll(PEM)) {
    try {
      yield readCertificate(pem);
    } catch (error) {
      log.warning(`skipped a certificate that cannot be read: ${String(error)}`);
    }
  }
}

function* expiry(number: number, { validUntil }: Certificate, scannedAt: Date): Generator<object> {
  const leftMs = validUntil.getTime() - scannedAt.getTime();
  if (leftMs > SOON_MS) return;
  const [id, severity] =
    leftMs < 0 ? ["KAT-CERTIFICATE-EXPIRED", "critical"] : ["KAT-CERTIFICATE-EXPIRING-SOON", "medium"];
  yield { object_type: "KATFindingType", id, risk_severity: severity };
  yield {
    object_type: "Finding",
    finding_type: `KATFindingType|${id}`,
    ooi: { $ref: `#certificate ${number}` },
    description: `Valid until ${isoTime(validUntil)}.`,
  };
}

function* alternativeName(id: string, kind: "dns" | "ip", name: string, network: string): Generator<object> {
  const certificate = { $ref: "#certificate 0" };
  if (kind === "ip") {
    const addressType = name.includes(":") ? "IPAddressV6" : "IPAddressV4";
    yield { object_type: addressType, $id: id, network: `Network|${network}`, address: name };
    yield { object_type: "SubjectAlternativeNameIP", certificate, address: { $ref: `#${id}` } };
  } else if (HOSTNAME.test(name.toLowerCase())) {
    yield { object_type: "Hostname", $id: id, network: `Network|${network}`, name };
    yield { object_type: "SubjectAlternativeNameHostname", certificate, hostname: { $ref: `#${id}` } };
  } else {
    yield { object_type: "SubjectAlternativeNameQualifier", certificate, name };
  }
}

/** `Website|<ip service: 5 parts>|<hostname: 2 parts>` */
function splitWebsite(reference: string) {
  const parts = reference.split("|").slice(1);
  return {
    ipService: `IPService|${parts.slice(0, 5).join("|")}`,
    hostname: `Hostname|${parts.slice(5).join("|")}`,
    network: parts[5] ?? "",
  };
}

/** `2026-11-23T22:26:21+00:00`: certificates know whole seconds. */
function isoTime(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/u, "+00:00");
}
