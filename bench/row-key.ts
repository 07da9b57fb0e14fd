import type { WayName } from "../src/bench/way.ts";

/** Of a row in a result file: `subprocess-bubblewrap-fork-python`. */
export function rowKey({ runtime, how, language }: WayName): string {
  return [runtime, how, language].join("-").replaceAll(/[^A-Za-z0-9]+/gu, "-");
}
