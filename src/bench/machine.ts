import { availableParallelism, cpus, release, totalmem } from "node:os";

export type Machine = Readonly<Record<string, string | number>>;

/** What figures were measured on. */
export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    processor: cpus()[0]?.model ?? "unknown",
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
  };
}
