/** The fixture normalizer of protocol/vectors/README.md. */
import { createHash } from "node:crypto";

import { log } from "whiskers";
import type { Meta } from "whiskers";

let runs = 0;

export async function* run(meta: Meta): AsyncGenerator<object> {
  const what = meta.input ?? {};
  switch (what["do"]) {
    case "describe":
      log.info(`${meta.raws.length} raw files`);
      for (const { id, mimeTypes, content } of meta.raws) {
        const sha256 = createHash("sha256").update(content).digest("hex");
        yield { record_type: "vector", id, mime_types: mimeTypes, size: content.length, sha256 };
      }
      break;
    case "count":
      for (let i = 0; i < Number(what["n"]); i += 1) yield { record_type: "vector", i };
      break;
    case "text":
      yield { record_type: "vector", text: what["text"] };
      break;
    case "print":
      // oxlint-disable-next-line no-console -- the guest has to bear it
      console.log(what["text"]);
      process.stdout.write("and once more\n");
      yield { record_type: "vector", printed: true };
      break;
    case "raise":
      yield { record_type: "vector", before: true };
      throw new Error(String(what["message"]));
    case "remember":
      runs += 1;
      yield { record_type: "vector", runs };
      break;
    default:
  }
}
