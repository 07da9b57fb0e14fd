import { didYouMean } from "../domain/closest.ts";
import { WhiskersError } from "../errors.ts";
import type { Driver } from "../sandbox/driver.ts";
import type { SandboxesOptions } from "../sandbox/sandboxes.ts";

/** Runtimes that are measured when none is named. What is not on this machine is left out, and said. */
export const BENCH_RUNTIMES = [
  "subprocess:bubblewrap",
  "subprocess:util-linux",
  "oci:runc",
  "oci:crun",
  "oci:runsc",
  "docker:runc",
  "docker:runsc",
  "microvm",
  "wasm",
  "inline",
] as const;

/** Those of a short run: containers and machines take long to start. */
export const QUICK_RUNTIMES = ["subprocess:bubblewrap", "subprocess:util-linux", "wasm", "inline"] as const;

/**
 * The drivers of these names, as `--runtime` has them: `oci` are all of that driver, `oci:runsc` is one.
 * @throws WhiskersError `usage` there is none of a name
 */
export function chooseDrivers(
  names: readonly string[],
  { drivers, openVariant }: Pick<SandboxesOptions, "drivers" | "openVariant">,
): readonly Driver[] {
  const wanted = names.flatMap((name) => {
    const variants = BENCH_RUNTIMES.filter((known) => known.startsWith(`${name}:`));
    return variants.length > 0 ? variants : [name];
  });
  return [...new Set(wanted)].map((name) => {
    const [driver = "", variant] = name.split(":", 2);
    const found =
      variant === undefined
        ? drivers.find((one) => one.name === name)
        : (openVariant?.(driver, variant) ?? undefined);
    if (found !== undefined) return found;
    const guess = didYouMean(name, BENCH_RUNTIMES);
    throw new WhiskersError("usage", `there is no runtime ${JSON.stringify(name)}${guess}`);
  });
}
