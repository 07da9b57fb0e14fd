import type { Protection, ProtectionName } from "../../../domain/outcome.ts";
import type { About, Host } from "./host.ts";
import type { Facts } from "./self-check.ts";

const NAMESPACES: readonly (readonly [ProtectionName, string])[] = [
  ["user-namespace", "user"],
  ["mount-namespace", "mnt"],
  ["pid-namespace", "pid"],
  ["network-namespace", "net"],
  ["ipc-namespace", "ipc"],
  ["uts-namespace", "uts"],
  ["cgroup-namespace", "cgroup"],
];
const NO_CAPABILITIES = "0000000000000000";

/** Which protections are in force and by what, and what would make more of them. */
export function judgeProtections(
  facts: Facts,
  host: Host,
  about: About,
): { readonly protections: readonly Protection[]; readonly advice: readonly string[] } {
  const tool = host.version;
  const has = (name: string, value: string): boolean => facts.status.get(name) === value;
  const limited = (name: string): boolean => (facts.limits.get(name) ?? "unlimited") !== "unlimited";
  const capabilities = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].filter((name) =>
    facts.status.has(name),
  );
  const onlyLoopback = facts.interfaces.every((name) => name === "lo");
  // Where its processes cannot be seen, or have a kernel of their own, it is the engine's word.
  const separate = (short: string): boolean =>
    !facts.sharesKernel || (facts.namespaces === null ? short !== "user" : facts.namespaces.has(short));
  const isFiltered = has("Seccomp", "2") || !facts.sharesKernel;
  const by: Readonly<Record<ProtectionName, string | null>> = {
    ...(Object.fromEntries(
      NAMESPACES.map(([name, short]) => [name, separate(short) ? tool : null]),
    ) as Record<"user-namespace", string | null> & Record<string, string | null>),
    "network-namespace": separate("net") && onlyLoopback ? tool : null,
    "read-only-root": facts.rootIsReadOnly ? tool : null,
    "private-tmp": facts.tmpIsPrivate ? `${tool}, tmpfs` : null,
    "no-new-privileges": has("NoNewPrivs", "1") || !facts.sharesKernel ? tool : null,
    "no-capabilities":
      capabilities.length > 0 && capabilities.every((name) => has(name, NO_CAPABILITIES)) ? tool : null,
    "unprivileged-uid": facts.uid === 0 ? null : "a user of its own per sandbox",
    seccomp: isFiltered ? filterName(facts, host) : null,
    "memory-limit": about.limits.has("memory") ? about.cgroup : "rlimit and watchdog",
    // A kernel of its own counts for itself; what the engine's cgroup counts is the runtime's.
    "process-limit": about.limits.has("processes") && facts.sharesKernel ? about.cgroup : "rlimit",
    "cpu-limit": about.limits.has("cpu") ? about.cgroup : null,
    "file-size-limit": limited("files") ? "rlimit" : null,
    "open-files-limit": limited("descriptors") ? "rlimit" : null,
  } as Record<ProtectionName, string | null>;
  const protections = Object.entries(by).map(([name, what]) => ({ name: name as ProtectionName, by: what }));
  return { protections, advice: adviceFor(facts, about, host) };
}

function filterName({ sharesKernel }: Facts, { seccomp, version }: Host): string {
  if (!sharesKernel) return `a kernel of its own (${version})`;
  return seccomp === null ? "the engine's own list of system calls" : "an allow-list of system calls";
}

function adviceFor(facts: Facts, about: About, { sharesFiles, isPodman }: Host): readonly string[] {
  const advice: string[] = [];
  if (!sharesFiles)
    advice.push(
      "the engine does not see this machine's files: packages are sent to it as images, and each needs a base root or an image to run on",
    );
  if (!about.limits.has("memory"))
    advice.push(
      "this user's engine has no control groups: memory is limited by a watchdog, CPU time not at all; it needs version 2 of them, and `Delegate=yes`",
    );
  if (facts.sharesKernel && isPodman) {
    advice.push(
      "guests share this machine's kernel: Podman uses one runtime for all of them, the one that its service was started with (`podman --runtime`)",
    );
  } else if (facts.sharesKernel) {
    const stronger = about.runtimes.filter((name) => /runsc|kata/u.test(name));
    advice.push(
      stronger.length > 0
        ? `the engine has a runtime with a kernel of its own: WHISKERS_DOCKER_RUNTIME=${stronger[0]}`
        : "guests share this machine's kernel: add gVisor (runsc) or Kata to the engine's runtimes for one of their own",
    );
  }
  return advice;
}
