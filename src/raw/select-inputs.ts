import type { Input, Inputs } from "./input.ts";

/**
 * Which inputs a normalizer is meant for: those with one of the mime types that it consumes, as OpenKAT's
 * scheduler chooses them. A raw of a failed scan (`error/…`) is for nobody. A bare file, of which nothing
 * is known, is always meant; and to a normalizer that names no mime types everything is.
 * @param consumes of the manifest, `normalizer/<id>` included
 */
export function selectInputs({ inputs, skipped }: Inputs, consumes: readonly string[]): Inputs {
  const reasons = inputs.map((input) => ({ input, reason: reasonToSkip(input, consumes) }));
  return {
    inputs: reasons.filter(({ reason }) => reason === null).map(({ input }) => input),
    skipped: [
      ...skipped,
      ...reasons.flatMap(({ input, reason }) => (reason === null ? [] : [{ name: input.name, reason }])),
    ],
  };
}

function reasonToSkip({ raw, rawMeta }: Input, consumes: readonly string[]): string | null {
  if (rawMeta === null) return null;
  if (raw.mimeTypes.some((type) => consumes.includes(type))) return null;
  const failed = raw.mimeTypes.find((type) => type.startsWith("error/"));
  if (failed !== undefined) return `${failed}: the scan failed`;
  if (consumes.every((type) => type.startsWith("normalizer/"))) return null;
  return `its mime types (${raw.mimeTypes.join(", ") || "none"}) are not among those that are consumed`;
}
