import { WhiskersError } from "../errors.ts";

/** Makes the error for one key: its path, the value found there, and what was expected. */
export type Complaint = (key: string, value: unknown, expected: string) => WhiskersError;

/** A `manifest-invalid` that names file, key, value and expectation. */
export function complainAbout(file: string): Complaint {
  return (key, value, expected) =>
    new WhiskersError(
      "manifest-invalid",
      value === undefined
        ? `${file}: ${key} is missing: expected ${expected}`
        : `${file}: ${key} is ${shown(value)}: expected ${expected}`,
    );
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}
