/** What stands in docs/isolation.md for `wasm`: attacks are programs of Python elsewhere, and modules here. */
import { ATTACKS } from "./attacks.ts";
import type { AttackResult } from "./hostile-suite.ts";
import { PROTOCOL_ATTACK_MODULES } from "../fixtures/protocol-attack-modules.ts";

const SAME = Object.fromEntries(PROTOCOL_ATTACK_MODULES.map(({ name }) => [name, [name]]));

/** Hostile modules that try the same, as far as WebAssembly lets them; all of them have to be held. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  ...SAME,
  "network-tcp": ["imports-socket", "uses-sockets"],
  "network-udp": ["imports-socket", "uses-sockets"],
  "network-dns": ["imports-socket", "uses-sockets"],
  "network-unix-socket": ["imports-socket", "uses-sockets"],
  "network-families": ["imports-socket", "uses-sockets"],
  "read-host-files": ["reads-outside"],
  "read-environment": ["reads-outside"],
  "inherited-descriptors": ["uses-sockets", "lies-about-addresses"],
  "write-outside": ["writes-outside"],
  "escape-symlink": ["reads-outside", "writes-outside"],
  "plain-climb": ["reads-outside", "writes-outside"],
  "memory-bytearray": ["grows-memory", "begins-with-too-much", "grows-table", "grows-tables"],
  "disk-fill": ["makes-huge-files", "makes-many-folders"],
  "inode-fill": ["makes-many-folders"],
  "stderr-flood": ["floods-log"],
  "plain-flood": ["floods-output"],
  "loop-for-ever": ["loops", "catches-its-exit"],
  "load-for-ever": ["loops-at-start"],
  trickle: ["sleeps"],
  "plain-unread-input": ["does-not-read"],
  crash: ["traps", "recurses"],
  "frame-giant": ["sends-a-huge-frame"],
  syscalls: ["imports-function", "imports-constructor"],
  "leak-files": ["leaves-a-mark"],
  "leak-memory": ["leaves-a-mark"],
};

const NO_PROCESSES = "WebAssembly has no call that starts, finds or signals a process or thread";
const NO_KERNEL = "WebAssembly reaches no system calls, and nothing that is mounted";
const NO_SIGNALS = "WebAssembly gets no signals, so it can ignore none";
const SKIPPED: Readonly<Record<string, string>> = {
  "see-processes": NO_PROCESSES,
  "plain-arguments": "arguments are a list in memory: there is no command line and no shell",
  "fork-bomb": NO_PROCESSES,
  "process-limit": NO_PROCESSES,
  "thread-bomb": NO_PROCESSES,
  "memory-many-children": NO_PROCESSES,
  daemon: NO_PROCESSES,
  "daemon-that-forks": NO_PROCESSES,
  "plain-daemon": NO_PROCESSES,
  "kill-everything": NO_PROCESSES,
  "stop-everything": NO_PROCESSES,
  "leak-processes": NO_PROCESSES,
  "plain-signal": NO_SIGNALS,
  "ignore-sigterm": NO_SIGNALS,
  "plain-ignore-sigterm": NO_SIGNALS,
  "memory-mmap": NO_KERNEL,
  "memory-sysv": NO_KERNEL,
  "memory-kernel": NO_KERNEL,
  "limits-raise": NO_KERNEL,
  "syscalls-foreign-abi": NO_KERNEL,
  "terminal-injection": NO_KERNEL,
  "parent-memory": NO_KERNEL,
  "exe-overwrite": NO_KERNEL,
  "plain-exe-interpreter": NO_KERNEL,
  mounts: NO_KERNEL,
  "cgroup-files": NO_KERNEL,
  "leaked-folder": NO_KERNEL,
  "leak-ipc": NO_KERNEL,
  "root-links": "the driver runs modules, which need no root filesystem",
  "root-privileges": "the driver runs modules, which need no root filesystem",
  "javascript-memory": "the driver starts no javascript guests",
  "javascript-heap": "the driver starts no javascript guests",
  "javascript-loop": "the driver starts no javascript guests",
  "descriptor-exhaustion":
    "the driver contract tries it: its limits on processes, files and descriptors hold",
  "loop-in-c": "compiled code of every language is WebAssembly: it is the endless loop above",
};
const NOT_TRIED = "no module tries it: what holds it stands before all drivers";
const NO_FORK = "the driver cannot run guests that fork";

/** @param held whether every module of these names was held in this run; null: one of them was not tried */
export function counterpartResults(
  held: (names: readonly string[]) => boolean | null,
): readonly AttackResult[] {
  return ATTACKS.flatMap(({ name, states = ["fresh"] }) =>
    states.map((state): AttackResult => {
      const skip = (detail: string): AttackResult => ({ attack: name, state, result: "skipped", detail });
      if (state === "fork") return skip(NO_FORK);
      const modules = MODULES[name];
      if (modules === undefined) return skip(SKIPPED[name] ?? NOT_TRIED);
      if (state === "reuse") return skip("modules are tried under `fresh`, which is the default");
      const isHeld = held(modules);
      if (isHeld === null) return skip("its modules were not tried");
      return {
        attack: name,
        state,
        result: isHeld ? "held" : "failed",
        detail: `modules: ${modules.join(", ")}`,
      };
    }),
  );
}

/** Names of attacks and modules that are in no list, or in two: there are none. */
export function misnamed(modules: readonly string[]): readonly string[] {
  const attacks = new Set(ATTACKS.map(({ name }) => name));
  return [
    ...[...Object.keys(MODULES), ...Object.keys(SKIPPED)].filter((name) => !attacks.has(name)),
    ...Object.keys(SKIPPED).filter((name) => name in MODULES),
    ...Object.values(MODULES)
      .flat()
      .filter((name) => !modules.includes(name)),
  ];
}
