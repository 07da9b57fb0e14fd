import type { Buffer } from "node:buffer";

import type { RecordText } from "./record-texts.ts";

const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * The records of a program of the plain form: JSON Lines, one JSON array, one JSON object, or several objects
 * that spread over lines, as `jq` prints them. Text that fits none of these comes back as one record, which
 * is no JSON and will be refused; nothing is lost.
 */
export function splitPlain(output: Buffer): readonly RecordText[] {
  const start = skipSpace(output, 0);
  if (start === output.length) return [];
  if (output[start] === OPENING_BRACKET) return splitArray(output, start);
  return output[start] === OPENING_BRACE && !isWholeLine(output, start)
    ? splitValues(output, start)
    : splitLines(output);
}

function splitLines(buffer: Buffer): RecordText[] {
  const texts: RecordText[] = [];
  for (let at = skipSpace(buffer, 0); at < buffer.length;) {
    const end = endOfLine(buffer, at);
    texts.push({ buffer, start: at, end });
    at = skipSpace(buffer, end);
  }
  return texts;
}

/** Values one after the other, with or without space between. */
function splitValues(buffer: Buffer, from: number): RecordText[] {
  const texts: RecordText[] = [];
  for (let at = from; at < buffer.length;) {
    const end = endOfValue(buffer, at);
    texts.push({ buffer, start: at, end });
    at = skipSpace(buffer, end);
  }
  return texts;
}

function splitArray(buffer: Buffer, from: number): RecordText[] {
  const texts: RecordText[] = [];
  let at = skipSpace(buffer, from + 1);
  if (buffer[at] === CLOSING_BRACKET) return addRest(texts, buffer, at + 1);
  while (at < buffer.length) {
    const end = endOfValue(buffer, at);
    texts.push({ buffer, start: at, end });
    at = skipSpace(buffer, end);
    if (buffer[at] === CLOSING_BRACKET) return addRest(texts, buffer, at + 1);
    if (buffer[at] !== COMMA) break;
    at = skipSpace(buffer, at + 1);
  }
  // No comma, no end: a record of its own, so that the output is refused.
  texts.push({ buffer, start: at, end: buffer.length });
  return texts;
}

/** What follows the array, should there be anything. */
function addRest(texts: RecordText[], buffer: Buffer, from: number): RecordText[] {
  const start = skipSpace(buffer, from);
  if (start < buffer.length) texts.push({ buffer, start, end: buffer.length });
  return texts;
}

/** Whether the value that starts here ends on its line, and the line with it: so it is in JSON Lines. */
function isWholeLine(buffer: Buffer, start: number): boolean {
  const line = buffer.subarray(0, endOfLine(buffer, start));
  const end = endOfValue(line, start);
  return line[end - 1] === CLOSING_BRACE && skipSpace(line, end) === line.length;
}

/**
 * The end of the JSON value that starts here, found by its brackets and quotes alone; always after the start.
 * The end of the buffer when the value has none.
 */
function endOfValue(buffer: Buffer, start: number): number {
  let depth = 0;
  for (let at = start; at < buffer.length; at += 1) {
    const byte = buffer[at];
    if (byte === QUOTE) at = endOfString(buffer, at) - 1;
    else if (byte === OPENING_BRACE || byte === OPENING_BRACKET) depth += 1;
    else if (byte === CLOSING_BRACE || byte === CLOSING_BRACKET) depth -= 1;
    else if (depth === 0 && byte !== COMMA && !isSpace(byte)) continue;
    else if (depth === 0) return Math.max(at, start + 1);
    if (depth < 0) return Math.max(at, start + 1);
    if (depth === 0) return Math.min(at + 1, buffer.length);
  }
  return buffer.length;
}

function endOfString(buffer: Buffer, start: number): number {
  for (let at = start + 1; at < buffer.length; at += 1) {
    if (buffer[at] === BACKSLASH) at += 1;
    else if (buffer[at] === QUOTE) return at + 1;
  }
  return buffer.length;
}

function endOfLine(buffer: Buffer, start: number): number {
  const at = buffer.indexOf(NEWLINE, start);
  return at < 0 ? buffer.length : at;
}

function skipSpace(buffer: Buffer, start: number): number {
  let at = start;
  while (at < buffer.length && isSpace(buffer[at])) at += 1;
  return at;
}

function isSpace(byte: number | undefined): boolean {
  return byte === SPACE || byte === NEWLINE || byte === RETURN || byte === TAB;
}
