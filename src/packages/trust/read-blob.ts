import { createHash } from "node:crypto";

import { WhiskersError } from "../../errors.ts";
import type { Descriptor } from "../images/descriptor.ts";

/** A small blob, whole, as its descriptor says. Whoever calls has looked at its size. @throws WhiskersError `content-mismatch` */
export async function readBlob(
  content: AsyncIterable<Buffer>,
  { digest, size }: Descriptor,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of content) {
    length += chunk.length;
    if (length > size) break;
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const got = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (got === digest && length === size) return bytes;
  throw new WhiskersError("content-mismatch", `${digest} was expected: got ${got}`);
}
