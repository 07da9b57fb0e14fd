import { printable } from "../terminal/printable.ts";
import type { Difference } from "./differences.ts";

const SIGNS = { missing: "-", unexpected: "+", changed: "~" } as const;
const MOST_VALUE_CHARACTERS = 200;

/** Lines for people: what is missing (-), what nobody expected (+), what changed (~) and from what to what. */
export function showDifferences(found: readonly Difference[], most: number): readonly string[] {
  const lines = found
    .slice(0, most)
    .flatMap(({ kind, what, fields }) => [
      `${SIGNS[kind]} ${printable(what)}`,
      ...(kind === "changed"
        ? fields.map(
            ({ name, expected, actual }) => `    ${printable(name)}: ${value(expected)} → ${value(actual)}`,
          )
        : []),
    ]);
  return found.length > most ? [...lines, `… and ${found.length - most} more (--full)`] : lines;
}

function value(json: string | undefined): string {
  if (json === undefined) return "(nothing)";
  const text = printable(json);
  return text.length > MOST_VALUE_CHARACTERS ? `${text.slice(0, MOST_VALUE_CHARACTERS)}…` : text;
}
