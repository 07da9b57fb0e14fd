import type { MoreWays } from "../src/bench/every-way.ts";
import type { Settings } from "../src/config/settings.ts";
import type { Driver } from "../src/sandbox/driver.ts";
import { runscRun } from "./runsc-run.ts";
import { wasmWays } from "./wasm-ways.ts";

/**
 * Rows that only ./dev bench has. To add some: a function of its own file that takes what it needs of the drivers that
 * were chosen, and returns ways (src/bench/sandbox-ways.ts makes those of a package in a driver).
 */
export async function moreWays(
  drivers: readonly Driver[],
  { python, home }: Settings,
): Promise<readonly MoreWays[]> {
  const more: MoreWays[] = [];
  const runsc = await drivers.find(({ name }) => name === "oci:runsc")?.probe();
  const version = runsc?.available === true ? runsc.version : "";
  const platform = /\((?<platform>\w+)\)$/u.exec(version)?.groups?.["platform"];
  // The same way of intercepting calls as our own containers.
  if (platform !== undefined)
    more.push(() => Promise.resolve(runscRun(python ?? "/usr/bin/python3", platform)));
  const wasm = drivers.find(({ name }) => name === "wasm");
  const probe = await wasm?.probe();
  if (wasm !== undefined && probe?.available === true) more.push(wasmWays(wasm, probe.version, home));
  return more;
}
