/** What gVisor is tried with in every test run: it takes seconds for each. */
const QUICK: readonly string[] = [
  "read-host-files",
  "write-outside",
  "fork-bomb",
  "memory-bytearray",
  "mounts",
  "parent-memory",
  "inherited-descriptors",
  "leak-ipc",
  "leak-parent",
  "leak-forged-child",
];

/**
 * What an engine is tried with in every test run: all that its own settings of a container have to hold. The rest is held by
 * what every driver shares (the guest link, the limits of output), and by the filter and the kernel that `oci` with runc is
 * tried with whole.
 */
const SETTINGS: readonly string[] = [
  ...QUICK,
  "network-tcp",
  "network-unix-socket",
  "network-families",
  "read-environment",
  "see-processes",
  "escape-symlink",
  "process-limit",
  "memory-sysv",
  "memory-kernel",
  "disk-fill",
  "inode-fill",
  "limits-raise",
  "stdout-flood",
  "stderr-flood",
  "records-flood",
  "loop-in-c",
  "ignore-sigterm",
  "daemon",
  "kill-everything",
  "crash",
  "blame-the-platform",
  "syscalls",
  "syscalls-foreign-abi",
  "exe-overwrite",
  "cgroup-files",
  "leaked-folder",
  "root-links",
  "root-privileges",
  "leak-processes",
];

/** What Podman is tried with in every test run: what it sets otherwise than Docker's engine does. */
const PODMAN: readonly string[] = ["read-host-files", "write-outside", "leak-files"];

/** What machines are tried with in every test run: where they are emulated, each takes a quarter of a minute. */
const MACHINES: readonly string[] = ["read-host-files", "fork-bomb", "cgroup-files"];

/** What an ordinary user's engine is tried with in every test run: what it holds otherwise, mostly limits. */
const USER_ENGINE: readonly string[] = [
  "read-host-files",
  "write-outside",
  "memory-bytearray",
  "fork-bomb",
  "limits-raise",
  "kill-everything",
  "leak-files",
];

const TRIED = {
  all: undefined,
  settings: SETTINGS,
  quick: QUICK,
  podman: PODMAN,
  userEngine: USER_ENGINE,
  machines: MACHINES,
} as const;

/** Names of attacks for `hostileSuite`, from WHISKERS_TEST_ATTACKS: `all`, or names by commas; undefined: all. */
export function triedByDefault(which: keyof typeof TRIED): readonly string[] | undefined {
  const wanted = process.env["WHISKERS_TEST_ATTACKS"];
  if (wanted === undefined) return TRIED[which];
  return wanted === "all" ? undefined : wanted.split(",");
}
