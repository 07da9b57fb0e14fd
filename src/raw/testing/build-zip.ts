import { crc32, deflateRawSync } from "node:zlib";

/** One entry of a ZIP that a test builds, and how it lies. */
export interface ZipEntry {
  readonly name: string;
  readonly content: Buffer | string;
  /** 8 Deflate (the default), 0 stored, or a method that nobody has. */
  readonly method?: number;
  readonly encrypted?: boolean;
  /** What the directory claims, in place of the truth. */
  readonly claim?: {
    readonly size?: number;
    readonly packedSize?: number;
    readonly crc?: number;
    readonly name?: string;
  };
}

/** A ZIP, byte by byte, as PKWARE's APPNOTE.TXT describes it. */
export function buildZip(entries: readonly ZipEntry[]): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, method = 8, encrypted = false, claim = {} } of entries) {
    const bytes = Buffer.from(content);
    const packed = method === 8 ? deflateRawSync(bytes) : bytes;
    const header = Buffer.alloc(26);
    header.writeUInt16LE(20, 0); // version needed
    header.writeUInt16LE(encrypted ? 1 : 0, 2);
    header.writeUInt16LE(method, 4);
    header.writeUInt32LE(claim.crc ?? crc32(bytes), 10);
    header.writeUInt32LE(claim.packedSize ?? packed.length, 14);
    header.writeUInt32LE(claim.size ?? bytes.length, 18);
    header.writeUInt16LE(Buffer.byteLength(name, "latin1"), 22);
    const local = Buffer.concat([Buffer.from("PK\u0003\u0004"), header, Buffer.from(name, "latin1"), packed]);
    const listed = Buffer.from(claim.name ?? name, "latin1");
    header.writeUInt16LE(listed.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\u0001\u0002\u0014\u0003"), header, tail, listed);
    files.push(local);
    offset += local.length;
  }
  const listing = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(listing.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...files, listing, Buffer.from("PK\u0005\u0006"), end]);
}

/** What Bytes says of a raw, in the spelling of OpenKAT's download. */
export function rawMetaJson(id: string, mimeTypes: readonly string[], more: object = {}): string {
  return JSON.stringify({
    id,
    boefje_meta: {
      id: "b5d1f0f0-0000-4000-8000-000000000001",
      started_at: "2025-11-01T10:00:00Z",
      ended_at: "2025-11-01T10:00:05.123456Z",
      boefje: { id: "nmap", version: null },
      input_ooi: "IPAddressV4|internet|192.0.2.1",
      arguments: { input: { primary_key: "IPAddressV4|internet|192.0.2.1", address: "192.0.2.1" } },
      organization: "org",
      runnable_hash: null,
      environment: { SHODAN_API: "secret-key" },
    },
    mime_types: mimeTypes.map((value) => ({ value })),
    secure_hash: "sha512:00",
    signing_provider_url: null,
    hash_retrieval_link: "https://example.org",
    ...more,
  });
}
