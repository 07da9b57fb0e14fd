import { ERRNO } from "./allowed-calls.ts";
import type { FilterArchitecture } from "./compile-filter.ts";
import { containerFilter } from "./container-filter.ts";
import type { ContainerCalls, ContainerFilter } from "./container-filter.ts";

/** What gVisor's table of calls had otherwise than Linux's, and may have. A name that it does not know is ignored. */
const OTHER_NAMES: ReadonlyMap<string, readonly string[]> = new Map([["pselect6", ["pselect"]]]);

/**
 * The same list for gVisor's kernel, which holds guests to it where runsc is given `--oci-seccomp`. All that it refuses
 * fails with EPERM there. What is to fail with ENOSYS, on which libraries fall back, is left to that kernel, which has no
 * such call.
 */
export function gvisorFilter(architecture: FilterArchitecture): ContainerFilter {
  const { syscalls, ...rest } = containerFilter(architecture);
  return { ...rest, syscalls: syscalls.map(asGvisorTakesIt) };
}

function asGvisorTakesIt(calls: ContainerCalls): ContainerCalls {
  const names = calls.names.flatMap((name) => [name, ...(OTHER_NAMES.get(name) ?? [])]);
  return calls.errnoRet === ERRNO.ENOSYS ? { names, action: "SCMP_ACT_ALLOW" } : { ...calls, names };
}
