import { isUtf8 } from "node:buffer";
import { open } from "node:fs/promises";

import { formatBytes } from "../../../domain/quantity.ts";
import { fileTroubleOf } from "../../../domain/unknown.ts";
import { type Html, markup } from "./markup.ts";

const MOST_BYTES = 128 * 1024;
const MOST_LINES = 3000;
const MOST_LINE_CHARACTERS = 2000;
const MOST_BINARY_BYTES = 8 * 1024;
const BYTES_PER_LINE = 16;

/** The beginning of a raw file: lines of text, or of bytes. */
export async function rawView(file: string, sizeBytes: number): Promise<Html> {
  let head: Buffer;
  try {
    head = await readHead(file);
  } catch (error) {
    return markup`<p class="quiet">It cannot be read any more: ${fileTroubleOf(error)}</p>`;
  }
  if (sizeBytes === 0) return markup`<p class="quiet">It is empty.</p>`;
  const text = textOf(head);
  const lines = text === null ? bytesOf(head) : text.split(/\r?\n/u);
  const shown = lines.slice(0, MOST_LINES);
  const isCut =
    sizeBytes > head.length ||
    lines.length > shown.length ||
    (text === null && sizeBytes > MOST_BINARY_BYTES);
  return markup`<div class="raw-pane" tabindex="0" role="region" aria-label="Raw file">
      <ol class="raw">
        ${shown.map((line) => markup`<li>${cut(line)}</li> `)}
      </ol>
    </div>
    ${isCut ? markup`<p class="quiet">Only the beginning of its ${formatBytes(sizeBytes)} is shown.</p>` : ""}`;
}

async function readHead(file: string): Promise<Buffer> {
  await using handle = await open(file);
  const buffer = Buffer.alloc(MOST_BYTES);
  let length = 0;
  for (;;) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
    if (bytesRead === 0) return buffer.subarray(0, length);
    length += bytesRead;
  }
}

/** Null: it is no text. The head may end within a character. */
function textOf(head: Buffer): string | null {
  if (head.includes(0)) return null;
  const whole = [0, 1, 2, 3].map((less) => head.subarray(0, head.length - less)).find((part) => isUtf8(part));
  return whole?.toString("utf8") ?? null;
}

function bytesOf(head: Buffer): readonly string[] {
  const shown = head.subarray(0, MOST_BINARY_BYTES);
  return Array.from({ length: Math.ceil(shown.length / BYTES_PER_LINE) }, (_, at) => {
    const bytes = shown.subarray(at * BYTES_PER_LINE, (at + 1) * BYTES_PER_LINE);
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const text = [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "."));
    return `${hex.padEnd(BYTES_PER_LINE * 3)} ${text.join("")}`;
  });
}

function cut(line: string): string {
  return line.length > MOST_LINE_CHARACTERS ? `${line.slice(0, MOST_LINE_CHARACTERS)}…` : line;
}
