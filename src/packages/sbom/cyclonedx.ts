import { createHash } from "node:crypto";

import type { Package } from "../../domain/package.ts";
import type { Component } from "./component.ts";

export const CYCLONEDX = "application/vnd.cyclonedx+json";

/**
 * A software bill of materials as CycloneDX 1.6 has it, in JSON: the libraries that are installed with a package. There
 * is no time in it, and its serial number follows from the rest: the same package, the same text.
 */
export function cycloneDx({ manifest, dependencies }: Package, components: readonly Component[]): Buffer {
  const { id, version } = manifest;
  const body = {
    version: 1,
    metadata: {
      tools: { components: [{ type: "application", name: "whiskers" }] },
      component: {
        type: "application",
        "bom-ref": "package",
        name: id,
        ...(version === null ? {} : { version }),
      },
      properties: [{ name: "whiskers:dependencies", value: dependencies?.digest ?? "none" }],
    },
    components: components.map((component) => library(component)),
  };
  const document = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${uuidOf(JSON.stringify(body))}`,
    ...body,
  };
  return Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
}

function library({ group, name, version, purl, hashes, licence }: Component): object {
  return {
    type: "library",
    "bom-ref": purl,
    ...(group === null ? {} : { group }),
    name,
    version,
    ...(hashes.length === 0
      ? {}
      : { hashes: hashes.map(({ algorithm, content }) => ({ alg: algorithm, content })) }),
    ...(licence === null ? {} : { licenses: ["name" in licence ? { license: licence } : licence] }),
    purl,
  };
}

/** A UUID of version 8 (RFC 9562): of our own making. */
function uuidOf(text: string): string {
  const bytes = createHash("sha256").update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) % 16) + 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) % 64) + 0x80, 8);
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
