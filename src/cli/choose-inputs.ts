import type { Manifest } from "../domain/package.ts";
import { WhiskersError } from "../errors.ts";
import type { Inputs } from "../raw/input.ts";
import type { MetaOverrides } from "../raw/normalizer-meta.ts";
import { selectInputs } from "../raw/select-inputs.ts";

/**
 * The raw files that a normalizer is to be run on, of those that a person gave.
 * @param paths as the person gave them
 * @throws WhiskersError `input-unreadable` there is none; `usage` one meta is to be that of many
 */
export function chooseInputs(
  inputs: Inputs,
  paths: readonly string[],
  manifest: Manifest,
  overrides: MetaOverrides,
  all: boolean,
): Inputs {
  if (inputs.inputs.length === 0) {
    throw new WhiskersError("input-unreadable", `no raw file in ${paths.join(", ")}${reasonsOf(inputs)}`);
  }
  const chosen =
    all || overrides.mimeTypes !== undefined || overrides.meta !== undefined
      ? inputs
      : selectInputs(inputs, manifest.consumes);
  if (chosen.inputs.length === 0) {
    throw new WhiskersError(
      "input-unreadable",
      `no raw file for ${manifest.id} (--all runs it on every one)${reasonsOf(chosen)}`,
    );
  }
  if (overrides.meta !== undefined && chosen.inputs.length > 1) {
    throw new WhiskersError(
      "usage",
      `--meta is the meta of one raw file, and there are ${chosen.inputs.length}`,
    );
  }
  return chosen;
}

function reasonsOf({ skipped }: Inputs): string {
  return skipped.map(({ name, reason }) => `\n${name}: ${reason}`).join("");
}
