import type { Protection, ProtectionName } from "../../../domain/outcome.ts";

const NAMES: readonly ProtectionName[] = [
  "user-namespace",
  "mount-namespace",
  "pid-namespace",
  "network-namespace",
  "ipc-namespace",
  "uts-namespace",
  "cgroup-namespace",
  "read-only-root",
  "private-tmp",
  "no-new-privileges",
  "no-capabilities",
  "unprivileged-uid",
  "seccomp",
  "memory-limit",
  "process-limit",
  "file-size-limit",
  "open-files-limit",
  "cpu-limit",
];

/** Every protection, none in force. */
export const NO_PROTECTIONS: readonly Protection[] = NAMES.map((name) => ({ name, by: null }));
