import type { Limits } from "../domain/limits.ts";
import type { LogEntry, LogLevel } from "../domain/outcome.ts";
import { cleanLines, cleanText } from "./clean-text.ts";

/** A longer line is cut, bytes: the log is for people. */
const LINE_MAX_BYTES = 8 * 1024;
/** What an entry costs beside its text, bytes: else a flood of empty lines were a flood of objects. */
const ENTRY_BYTES = 16;
/** A longer line of a `log` frame is kept as text without being parsed as JSON, bytes. */
const JSON_MAX_BYTES = 64 * 1024;

const LEVELS: ReadonlySet<unknown> = new Set<LogLevel>(["debug", "info", "warning", "error"]);
const NEWLINE = 0x0a;

/**
 * Gathers what one run logged and printed. Keeps entries until they cost `logBytes` together, counts
 * what comes after that, and says when a log is a flood. Invalid UTF-8 becomes U+FFFD, control
 * characters become visible (`clean-text.ts`), an entry of several lines becomes several entries.
 */
export class LogCollector {
  readonly #limits: Pick<Limits, "logBytes" | "logFloodBytes">;
  readonly #entries: LogEntry[] = [];
  #keptBytes = 0;
  #droppedBytes = 0;
  #receivedBytes = 0;
  #full = false;
  /** The line on standard error that has no end yet: its first bytes, and how long it is. */
  #partial: Buffer[] = [];
  #partialBytes = 0;
  #lastErrorLine = "";
  /** Once nothing is kept any more: the last bytes on standard error, for `lastErrorLine`. */
  #errorsTail: Buffer = Buffer.alloc(0);

  constructor(limits: Pick<Limits, "logBytes" | "logFloodBytes">) {
    this.#limits = limits;
  }

  /** More than `logFloodBytes` arrived. */
  get flooded(): boolean {
    return this.#receivedBytes > this.#limits.logFloodBytes;
  }

  /** Payload of one `log` frame. */
  pushFrame(payload: Buffer): void {
    this.#receivedBytes += payload.length;
    if (this.#full) {
      this.#droppedBytes += payload.length;
      return;
    }
    for (let start = 0; start < payload.length;) {
      const newline = payload.indexOf(NEWLINE, start);
      const end = newline === -1 ? payload.length : newline;
      if (end > start) this.#addJson(payload.subarray(start, end));
      start = end + 1;
    }
  }

  /** The next bytes of standard error, cut anywhere. */
  pushErrors(chunk: Buffer): void {
    this.#receivedBytes += chunk.length;
    if (this.#full) {
      // To look at every line of a flood would cost the host more than the guest.
      this.#droppedBytes += chunk.length;
      this.#errorsTail = Buffer.concat([this.#errorsTail, chunk.subarray(-LINE_MAX_BYTES)]).subarray(
        -LINE_MAX_BYTES,
      );
      return;
    }
    for (let start = 0; start < chunk.length;) {
      const newline = chunk.indexOf(NEWLINE, start);
      if (newline === -1) {
        this.#addPartial(chunk.subarray(start));
        return;
      }
      this.#addPartial(chunk.subarray(start, newline));
      this.#endErrorLine();
      start = newline + 1;
    }
  }

  /** The last line on standard error that was not blank, cleaned; for messages about a crash. */
  get lastErrorLine(): string {
    const lines = cleanLines(this.#errorsTail.toString("utf8"), LINE_MAX_BYTES).split("\n");
    return lines.findLast((line) => line.trim() !== "") ?? this.#lastErrorLine;
  }

  /** Ends the last line. What is pushed later is counted by nobody. */
  finish(): { readonly logs: readonly LogEntry[]; readonly logBytesDropped: number } {
    if (this.#partialBytes > 0) this.#endErrorLine();
    return { logs: [...this.#entries], logBytesDropped: this.#droppedBytes };
  }

  #addPartial(bytes: Buffer): void {
    const room = LINE_MAX_BYTES - this.#partialBytes;
    // A copy: a short line must not keep the 64 KiB chunk alive that it came in.
    if (room > 0 && bytes.length > 0) this.#partial.push(Buffer.from(bytes.subarray(0, room)));
    this.#partialBytes += bytes.length;
  }

  #endErrorLine(): void {
    const line = this.#partial.length === 1 ? this.#partial[0] : Buffer.concat(this.#partial);
    const lineBytes = this.#partialBytes;
    this.#partial = [];
    this.#partialBytes = 0;
    const text = lineText(line ?? Buffer.alloc(0), lineBytes);
    if (text.trim() !== "") this.#lastErrorLine = text;
    this.#add({ level: "info", message: text, source: "stderr" }, lineBytes + 1);
  }

  #addJson(line: Buffer): void {
    const entry = line.length <= JSON_MAX_BYTES ? parseEntry(line.toString("utf8")) : null;
    if (entry === null) {
      const text = lineText(line.subarray(0, LINE_MAX_BYTES), line.length);
      this.#add({ level: "info", message: text, source: "log" }, line.length);
      return;
    }
    for (const part of entry.message.split(/\r?\n/)) {
      const message = cleanText(part, LINE_MAX_BYTES);
      this.#add({ level: entry.level, message, source: "log" }, Buffer.byteLength(part));
    }
  }

  #add(entry: LogEntry, receivedBytes: number): void {
    const bytes = Buffer.byteLength(entry.message) + ENTRY_BYTES;
    if (this.#full || this.#keptBytes + bytes > this.#limits.logBytes) {
      this.#full = true;
      this.#droppedBytes += receivedBytes;
      return;
    }
    this.#keptBytes += bytes;
    this.#entries.push(entry);
  }
}

/** `kept`: the first bytes of a line that was `lineBytes` long. */
function lineText(kept: Buffer, lineBytes: number): string {
  const text = cleanText(kept.toString("utf8").replace(/\r$/, ""), LINE_MAX_BYTES);
  return lineBytes > kept.length ? `${text}…` : text;
}

function parseEntry(line: string): { readonly level: LogLevel; readonly message: string } | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  if (!("level" in value) || !("message" in value)) return null;
  const { level, message } = value;
  return isLevel(level) && typeof message === "string" ? { level, message } : null;
}

function isLevel(value: unknown): value is LogLevel {
  return LEVELS.has(value);
}
