const DURATION_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZE_BYTES: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** `"30s"`, `"500ms"`, `"2m"`, `"1h"`, or a number of seconds as text or number: milliseconds; null when it is none. */
export function parseDurationMs(value: unknown): number | null {
  if (typeof value === "number") return value >= 0 ? wholeOrNull(Math.round(value * 1000)) : null;
  if (typeof value !== "string") return null;
  const found = /^(?<number>\d{1,12}(?:\.\d{1,6})?)\s?(?<unit>ms|s|m|h)?$/u.exec(value.trim());
  if (found === null) return null;
  const unitMs = DURATION_MS[found.groups?.["unit"] ?? "s"] ?? 1000;
  return wholeOrNull(Math.round(Number(found.groups?.["number"]) * unitMs));
}

/** `"256M"`, `"256MiB"`, `"1.5G"`, or bytes as text or number. Units are powers of 1024. Null when it is none. */
export function parseSizeBytes(value: unknown): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : null;
  if (typeof value !== "string") return null;
  const found = /^(?<number>\d{1,15}(?:\.\d{1,6})?)\s?(?<unit>[KMG]?)(?:i?B)?$/iu.exec(value.trim());
  if (found === null) return null;
  const unit = SIZE_BYTES[(found.groups?.["unit"] ?? "").toUpperCase()] ?? 1;
  return wholeOrNull(Math.floor(Number(found.groups?.["number"]) * unit));
}

/** Null for what is more than can be counted exactly, infinity and NaN among it. */
function wholeOrNull(number: number): number | null {
  return Number.isSafeInteger(number) ? number : null;
}

/** For people: `1.5 GiB`, `256 MiB`, `12 bytes`. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) return "1 byte";
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1);
  const value = bytes / 2 ** (10 * step);
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[step] ?? "bytes"}`;
}

/** For people: `0.4 ms`, `12 ms`, `1.5 s`, `2 m 5 s`. */
export function formatMs(ms: number): string {
  if (ms < 1) return `${Number(ms.toFixed(2))} ms`;
  if (ms < 10) return `${Number(ms.toFixed(1))} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Number((ms / 1000).toFixed(ms < 10_000 ? 2 : 1))} s`;
  return `${Math.floor(ms / 60_000)} m ${Math.round((ms % 60_000) / 1000)} s`;
}
