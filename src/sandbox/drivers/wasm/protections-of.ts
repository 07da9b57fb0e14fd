import type { Protection, ProtectionName } from "../../../domain/outcome.ts";

const BY_WEBASSEMBLY = "WebAssembly";
const V8 = "V8 (pages of memory)";

/**
 * What holds a guest by itself, whatever is around its process: a module can call nothing but what it is given, and it
 * is given no sockets, processes, users or files of this machine.
 */
const OWN: Readonly<Record<ProtectionName, string | null>> = {
  "user-namespace": null,
  "mount-namespace": BY_WEBASSEMBLY,
  "pid-namespace": BY_WEBASSEMBLY,
  "network-namespace": BY_WEBASSEMBLY,
  "ipc-namespace": BY_WEBASSEMBLY,
  "uts-namespace": BY_WEBASSEMBLY,
  "cgroup-namespace": BY_WEBASSEMBLY,
  "read-only-root": BY_WEBASSEMBLY,
  "private-tmp": BY_WEBASSEMBLY,
  "no-new-privileges": BY_WEBASSEMBLY,
  "no-capabilities": BY_WEBASSEMBLY,
  "unprivileged-uid": null,
  seccomp: null,
  "memory-limit": V8,
  "process-limit": BY_WEBASSEMBLY,
  "file-size-limit": BY_WEBASSEMBLY,
  "open-files-limit": BY_WEBASSEMBLY,
  "cpu-limit": "one thread",
};

/** @param around of the sandbox that the process is in; empty: there is none */
export function protectionsOf(around: readonly Protection[]): readonly Protection[] {
  return Object.entries(OWN).map(([name, own]) => {
    const outer = around.find((one) => one.name === name)?.by ?? null;
    const by = [own, outer].filter((one) => one !== null);
    return { name: name as ProtectionName, by: by.length === 0 ? null : by.join(", around it ") };
  });
}
