import type { Probe } from "../../driver.ts";
import type { Host } from "./host.ts";

export function probeHost(host: Host): Promise<Probe> {
  return Promise.resolve({
    available: true,
    version: host.variant.version,
    protections: host.protections,
    advice: [],
  });
}
