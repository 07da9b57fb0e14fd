/**
 * Writes into the documents what the newest result files say: `node bench/update-quotes.ts`. Say by hand what is said of the
 * figures; a quote of something that was not measured again stays where it is, and is told.
 */
import { globSync, writeFileSync } from "node:fs";
import path from "node:path";

import {
  documents,
  type Quote,
  quotesIn,
  readDocument,
  readResultFile,
  RESULTS,
  rightlyPrinted,
} from "./quotes.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const newest = new Map(
  globSync("*.json", { cwd: RESULTS })
    .toSorted()
    .map((name) => [readResultFile(name).topic, name.replace(/\.json$/u, "")]),
);

for (const document of documents()) {
  const text = readDocument(document);
  const updated = quotesIn(document).reduce((lines, quote) => {
    const at = quote.line - 1;
    lines[at] = updatedLine(lines[at] ?? "", quote);
    return lines;
  }, text.split("\n"));
  if (updated.join("\n") === text) continue;
  writeFileSync(path.join(ROOT, document), updated.join("\n"));
  process.stdout.write(`${document}\n`);
}

function updatedLine(line: string, quote: Quote): string {
  const { topic } = readResultFile(`${quote.file}.json`);
  const file = newest.get(topic) ?? quote.file;
  try {
    const printed = rightlyPrinted({ ...quote, file });
    return line.replace(
      `${quote.printed}<!-- ${quote.file}: ${quote.place}`,
      `${printed}<!-- ${file}: ${quote.place}`,
    );
  } catch (error) {
    process.stderr.write(`${quote.document}:${quote.line}: ${String(error)}\n`);
    return line;
  }
}
