import { messageOf } from "../../../domain/unknown.ts";
import { judgeProtections } from "../../view/judge-protections.ts";
import { selfCheck } from "../../view/self-check.ts";
import type { OciOptions } from "./create-oci-driver.ts";
import { findBase, searchPathOf } from "./host.ts";
import { withRuntime } from "./with-runtime.ts";
import type { OciHost } from "./host.ts";
import { findRuntime, RUNTIME_NAMES } from "./runtimes.ts";
import type { Runtime } from "./runtimes.ts";
import { PlatformMemory } from "./platform-memory.ts";

export type SetUp =
  | { readonly available: true; readonly host: OciHost }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

const INSTALL =
  "Install one: apt-get install runsc (a kernel of its own), or runc. docs/runtimes/oci.md says more.";

/** Finds the runtimes, and tries them with a real container: the first that works is it. */
export async function setUp(options: OciOptions): Promise<SetUp> {
  if (process.platform !== "linux")
    return { available: false, reason: "it needs Linux", remedy: "Use another runtime." };
  const wanted = options.runtime ?? "auto";
  const names = wanted === "auto" ? RUNTIME_NAMES : [wanted];
  const base = await findBase(options);
  const reasons: string[] = [];
  for (const name of names) {
    const runtime = await findRuntime(name, searchPathOf(options)).catch((error: unknown) => {
      reasons.push(`${name}: ${messageOf(error)}`);
      return null;
    });
    if (runtime === null) continue;
    const memory = new PlatformMemory(base.stateDirectory, runtime);
    for (const variant of memory.firstRemembered(variantsOf(runtime))) {
      const host = withRuntime(base, variant.runtime, { ...variant, protections: [], advice: [] });
      const checked = await selfCheck(host, variant.runtime.platform === null ? undefined : PLATFORM_MS);
      if (!checked.works) {
        reasons.push(`${variant.runtime.version}: ${checked.reason}`);
        continue;
      }
      memory.remember(variant.runtime.platform);
      const tool = describe(variant.runtime);
      const protections = judgeProtections(checked.facts, tool, base.cgroups);
      const version = { ...variant.runtime, version: tool };
      const advice = adviceFor(host, reasons);
      return { available: true, host: withRuntime(base, version, { ...variant, protections, advice }) };
    }
  }
  if (reasons.length === 0) return { available: false, reason: whatIsMissing(wanted), remedy: INSTALL };
  return { available: false, reason: reasons.join("; "), remedy: remedyFor(reasons) };
}

export interface Variant {
  readonly runtime: Runtime;
  readonly userNamespace: boolean;
}

/**
 * gVisor's platforms, the fastest first: its own way of intercepting calls (systrap), a hypervisor, which may be
 * there and yet run nothing, so it is tried with a deadline like the others, and ptrace(2), which is everywhere.
 */
/** What takes longer does not work: a start takes a fifth of a second. */
const PLATFORM_MS = 4000;
const PLATFORMS = ["systrap", "kvm", "ptrace"] as const;

function variantsOf(runtime: Runtime): readonly Variant[] {
  if (runtime.kind === "runsc") {
    return PLATFORMS.map((platform) => ({
      runtime: { ...runtime, platform, flags: [...runtime.flags, `--platform=${platform}`] },
      userNamespace: false,
    }));
  }
  const without = { runtime, userNamespace: false };
  if (!runtime.userNamespace) return [without];
  // An ordinary user cannot do without.
  return process.geteuid?.() === 0
    ? [{ runtime, userNamespace: true }, without]
    : [{ runtime, userNamespace: true }];
}

function describe({ version, platform }: Runtime): string {
  return platform === null ? version : `${version} (${platform})`;
}

function whatIsMissing(wanted: string): string {
  return wanted === "auto"
    ? `no OCI runtime was found: neither ${RUNTIME_NAMES.join(", ")}`
    : `there is no OCI runtime ${wanted}`;
}

function remedyFor(reasons: readonly string[]): string {
  if (reasons.some((reason) => /cgroup/u.test(reason)))
    return "Read what the runtime says of cgroups: crun before 1.9 refuses the hybrid of version 1 and 2; runc does not.";
  if (process.geteuid?.() !== 0)
    return "Allow user namespaces to this user (sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0) for runc; gVisor and Kata need root.";
  return `Read what the runtime says. ${INSTALL}`;
}

function adviceFor(
  { runtime, cgroups, userNamespace, isRoot }: OciHost,
  reasons: readonly string[],
): readonly string[] {
  return [
    ...reasons.map((reason) => `tried before it: ${reason}`),
    ...(runtime.ownKernel
      ? []
      : ["install runsc (gVisor): containers of it have a kernel of their own, and start more slowly"]),
    ...(runtime.kind === "runsc" && runtime.under.length === 0
      ? ["install perl: gVisor starts some 40 ms sooner under a filter that it can load"]
      : []),
    ...(runtime.ownKernel || userNamespace ? [] : ["containers are in no user namespace here"]),
    ...(isRoot
      ? []
      : ["not run by root: all containers belong to this user; as root each would have a user of its own"]),
    ...(cgroups === null
      ? ["no cgroup is writable: memory is limited by a watchdog, CPU time not at all"]
      : []),
  ];
}
