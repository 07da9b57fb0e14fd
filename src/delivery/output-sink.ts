import type { DeliveryStep } from "./step.ts";
import type { Output } from "./output.ts";

/** A place for outputs beside OpenKAT. */
export interface OutputSink {
  /** Writes one output. Writing it again, or another one of the same task, replaces what was there. */
  step(output: Output): DeliveryStep;
}
