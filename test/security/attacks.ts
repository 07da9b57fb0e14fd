import assert from "node:assert/strict";

import type { Attack } from "./attack.ts";
import { UNSAFE_TEXT } from "./unsafe-text.ts";

const MiB = 1024 * 1024;
const OK = ["succeeded"] as const;
const BROKEN = ["protocol-violation"] as const;
/** Ended by what it did to itself; which of them depends on what dies first. */
const DIED = ["normalizer-crashed", "protocol-violation", "time-limit"] as const;

/** As in attacks/plain-arguments/normalizer.json. */
const PLAIN_ARGUMENTS = [
  "",
  "two words",
  "$(id)",
  "`id`",
  "'; echo injected; '",
  '"',
  "*",
  "--help",
  "--",
  "\\",
  "${HOME}",
  "a\tb",
  "|cat /etc/passwd",
];

/** The hostile suite: every attack is a row. Its guest is the package of the same name in `attacks/`. */
export const ATTACKS: readonly Attack[] = [
  // Network
  {
    name: "network-tcp",
    group: "network",
    tries: "TCP to loopback and to every address of the host",
    ends: OK,
    attempts: 3,
    unconfined: ["connect", "connect-without-waiting"],
  },
  {
    name: "network-udp",
    group: "network",
    tries: "UDP to loopback, to the host's addresses, broadcast, multicast",
    ends: OK,
    attempts: 3,
    unconfined: ["send"],
  },
  {
    name: "network-dns",
    group: "network",
    tries: "data out by DNS queries",
    ends: OK,
    attempts: 4,
    unconfined: ["own-server", "over-tcp"],
  },
  {
    name: "network-unix-socket",
    group: "network",
    tries: "Unix sockets of the host, by path, through /proc and by abstract name",
    ends: OK,
    attempts: 5,
    unconfined: ["path", "abstract"],
  },
  {
    name: "network-families",
    group: "network",
    tries: "vsock, netlink, packet, raw and other socket families",
    ends: OK,
    attempts: 16,
    needs: "sharesKernel",
    unconfined: ["AF_NETLINK-netfilter"],
  },

  // Reading
  {
    name: "read-host-files",
    group: "reading",
    tries: "the host's secrets, homes, devices, and canary files in every shared place",
    ends: OK,
    attempts: 50,
    unconfined: ["canary", "canary-through-cwd", "host-folder"],
  },
  {
    name: "read-environment",
    group: "reading",
    tries: "the runner's environment, its own and through /proc",
    ends: OK,
    attempts: 4,
    unconfined: ["all-processes"],
  },
  {
    name: "see-processes",
    group: "reading",
    tries: "seeing, signalling and tracing other processes of the host",
    ends: OK,
    attempts: 10,
    unconfined: ["see", "many-processes", "signal-0", "affinity"],
  },
  {
    name: "inherited-descriptors",
    group: "reading",
    tries: "descriptors that the runner left open: folders to climb out of, files, devices",
    ends: OK,
    states: ["fresh", "fork"],
    attempts: 5,
  },

  // Writing
  {
    name: "write-outside",
    group: "writing",
    tries: "writing to every top-level folder, the package, the SDK, /proc/sys, /sys, devices",
    ends: OK,
    attempts: 60,
    unconfined: ["host-folder", "package-file"],
  },
  {
    name: "escape-symlink",
    group: "writing",
    tries: "links and `..` in /tmp, in the package and through /proc",
    ends: OK,
    attempts: 15,
    unconfined: ["absolute-link", "climbing-link", "link-in-package", "dots", "beside-package"],
  },
  {
    name: "plain-climb",
    group: "writing",
    tries: "`..` and writing in the plain form",
    ends: OK,
    attempts: 5,
  },
  {
    name: "plain-arguments",
    group: "writing",
    tries: "arguments that a shell on the way would take for commands",
    ends: OK,
    judge: (runs) => {
      const got = runs[0]?.records.map((record) =>
        Buffer.from(String(Reflect.get(Object(record), "argument")), "base64").toString(),
      );
      assert.deepEqual(got, PLAIN_ARGUMENTS);
    },
  },
  {
    name: "tamper-sdk",
    group: "writing",
    tries: "changing the SDK and itself for the next run",
    ends: OK,
    secondEnds: OK,
    states: ["fork"],
    attempts: 2,
    unconfined: ["package-on-disk"],
  },

  // Resources
  {
    name: "fork-bomb",
    group: "resources",
    tries: "a fork bomb",
    // What the kernel holds for each process counts, too.
    ends: ["time-limit", "memory-limit"],
    limits: { wallMs: 1500 },
  },
  {
    name: "process-limit",
    group: "resources",
    tries: "more processes and threads than its limit",
    // A kernel of its own needs memory for each.
    ends: ["succeeded", "memory-limit"],
    facts: { processes: (value, limits) => Number(value) > 0 && Number(value) <= limits.processes },
  },
  {
    name: "thread-bomb",
    group: "resources",
    tries: "busy threads without end",
    ends: ["time-limit", "memory-limit"],
    limits: { wallMs: 1500 },
  },
  {
    name: "memory-bytearray",
    group: "resources",
    tries: "memory in one process",
    ends: ["memory-limit"],
    states: ["fresh", "fork"],
  },
  {
    name: "memory-mmap",
    group: "resources",
    tries: "memory as private and shared mappings and memory files",
    ends: ["succeeded", "memory-limit"],
    facts: { memoryBytes: withinMemory },
  },
  {
    name: "memory-many-children",
    group: "resources",
    tries: "many children below the limit, together above it",
    ends: ["succeeded", "memory-limit"],
    needs: "memoryLimit",
    facts: { memoryBytes: withinMemory },
  },
  {
    name: "memory-sysv",
    group: "resources",
    tries: "System V shared memory, which belongs to no process",
    ends: ["succeeded", "memory-limit"],
    // None at all where System V objects are refused.
    facts: { memoryBytes: (value, limits) => value === 0 || withinMemory(value, limits) },
  },
  {
    name: "memory-kernel",
    group: "resources",
    tries: "memory that the kernel holds for pipes and sockets",
    ends: ["succeeded", "memory-limit"],
    limits: { wallMs: 8000 },
    needs: "memoryLimit",
    facts: { memoryBytes: withinMemory },
  },
  {
    name: "javascript-memory",
    group: "resources",
    tries: "memory outside of a JavaScript engine's heap",
    limits: { memoryBytes: 256 * MiB },
    ends: ["succeeded", "memory-limit", "normalizer-raised"],
    needs: "memoryLimit",
    facts: { memoryBytes: withinMemory },
  },
  {
    name: "javascript-heap",
    group: "resources",
    tries: "memory on a JavaScript engine's heap",
    // The collector fights for every byte before it gives up.
    limits: { memoryBytes: 256 * MiB, wallMs: 15_000 },
    ends: ["memory-limit"],
  },
  {
    name: "disk-fill",
    group: "resources",
    tries: "filling every place that takes bytes",
    ends: OK,
    facts: { diskBytes: (value, limits) => Number(value) > 0 && Number(value) <= 2 * limits.tmpBytes },
  },
  {
    name: "inode-fill",
    group: "resources",
    tries: "empty files without end",
    ends: ["succeeded", "memory-limit", "time-limit"],
    facts: { files: (value) => Number(value) > 0 && Number(value) <= 300_000 },
  },
  {
    name: "descriptor-exhaustion",
    group: "resources",
    tries: "more descriptors than its limit",
    ends: OK,
    facts: { descriptors: (value, limits) => Number(value) > 0 && Number(value) <= limits.openFiles },
  },
  {
    name: "limits-raise",
    group: "resources",
    tries: "raising its own limits, lowering those of others",
    ends: OK,
    states: ["fresh", "fork"],
    attempts: 10,
  },

  // Floods
  {
    name: "stdout-flood",
    group: "floods",
    tries: "printing without end",
    ends: ["log-limit"],
  },
  {
    name: "stderr-flood",
    group: "floods",
    tries: "one endless line on standard error",
    ends: ["log-limit"],
  },
  {
    name: "stderr-line-flood",
    group: "floods",
    tries: "line breaks without end on standard error",
    ends: ["log-limit"],
  },
  {
    name: "log-flood",
    group: "floods",
    tries: "log entries without end",
    ends: ["log-limit"],
  },
  {
    name: "log-line-flood",
    group: "floods",
    tries: "log frames of line breaks and of empty entries",
    ends: ["log-limit", "protocol-violation"],
  },
  {
    name: "records-flood",
    group: "floods",
    tries: "records without end",
    ends: ["output-limit"],
    states: ["fresh", "fork"],
    judge: (runs, limits) => {
      assert.ok((runs[0]?.recordBytes ?? 0) <= limits.outputBytes, "no more than the limit reached the sink");
    },
  },
  {
    name: "records-count-flood",
    group: "floods",
    tries: "tiny records without end",
    ends: ["output-limit"],
  },
  {
    name: "empty-frame-flood",
    group: "floods",
    tries: "frames without a payload, which count against no limit of bytes",
    ends: ["protocol-violation", "time-limit"],
    limits: { wallMs: 1500 },
  },
  {
    name: "empty-line-flood",
    group: "floods",
    tries: "records frames of line breaks alone",
    ends: ["output-limit", "protocol-violation"],
  },
  {
    name: "plain-flood",
    group: "floods",
    tries: "one endless line as output of the plain form",
    ends: ["output-limit"],
  },

  // Time
  {
    name: "loop-for-ever",
    group: "time",
    tries: "an endless loop",
    ends: ["time-limit"],
    states: ["fresh", "fork", "reuse"],
    limits: { wallMs: 1000 },
  },
  {
    name: "loop-in-c",
    group: "time",
    tries: "an endless loop in C code with all signals blocked",
    ends: ["time-limit"],
    limits: { wallMs: 1000 },
  },
  {
    name: "javascript-loop",
    group: "time",
    tries: "an endless loop in JavaScript",
    ends: ["time-limit"],
    states: ["fresh", "reuse"],
    limits: { wallMs: 1000, memoryBytes: 256 * MiB },
  },
  {
    name: "ignore-sigterm",
    group: "time",
    tries: "ignoring SIGTERM, with children in sessions of their own",
    ends: ["time-limit"],
    states: ["fresh", "fork"],
    limits: { wallMs: 1000 },
  },
  {
    name: "load-for-ever",
    group: "time",
    tries: "never becoming ready",
    ends: ["time-limit"],
    limits: { startMs: 1500 },
  },
  {
    name: "trickle",
    group: "time",
    tries: "signs of life without end",
    ends: ["time-limit"],
    limits: { wallMs: 1500 },
  },
  {
    name: "one-byte-frames",
    group: "time",
    tries: "a frame that arrives byte by byte, for ever",
    ends: ["time-limit"],
    limits: { wallMs: 1500 },
  },
  {
    name: "exit-late",
    group: "time",
    tries: "saying `done` and then not going",
    ends: ["succeeded", "time-limit"],
    states: ["fresh", "fork"],
    limits: { wallMs: 1500 },
  },
  {
    name: "plain-ignore-sigterm",
    group: "time",
    tries: "ignoring SIGTERM in the plain form",
    ends: ["time-limit"],
    limits: { wallMs: 1000 },
  },
  {
    name: "plain-unread-input",
    group: "time",
    tries: "never reading 8 MiB of input while writing output",
    ends: OK,
    rawBytes: 8 * MiB,
    judge: (runs) => {
      assert.equal(runs[0]?.recordBytes, 64 * (65_536 + 15), "all output arrived");
    },
  },

  // Processes
  {
    name: "daemon",
    group: "processes",
    tries: "a double-forked daemon that outlives its run and holds the protocol stream",
    ends: ["succeeded", "time-limit"],
    states: ["fresh", "fork"],
    limits: { wallMs: 1500 },
  },
  {
    name: "daemon-that-forks",
    group: "processes",
    tries: "daemons that fork and die without end, so that no list of them is current",
    ends: ["succeeded", "time-limit"],
    limits: { wallMs: 1500 },
  },
  {
    name: "plain-daemon",
    group: "processes",
    tries: "a child that holds the plain form's output open",
    ends: ["succeeded", "time-limit"],
    limits: { wallMs: 1500 },
  },
  {
    name: "kill-everything",
    group: "processes",
    tries: "killing everything that it may signal",
    ends: DIED,
    states: ["fresh", "fork"],
    limits: { wallMs: 1500 },
  },
  {
    name: "stop-everything",
    group: "processes",
    tries: "stopping its parent and everything else",
    ends: ["time-limit"],
    states: ["fresh", "fork"],
    limits: { wallMs: 1500 },
  },
  {
    name: "close-all-descriptors",
    group: "processes",
    tries: "closing every descriptor and going on",
    ends: DIED,
    states: ["fresh", "fork"],
    limits: { wallMs: 1500 },
  },
  {
    name: "exit-early",
    group: "processes",
    tries: "exit status 0 in the middle of its run",
    ends: ["normalizer-crashed"],
    states: ["fresh", "fork", "reuse"],
  },
  {
    name: "exit-at-load",
    group: "processes",
    tries: "exit status 0 while it is loaded",
    ends: ["normalizer-crashed", "normalizer-load-failed"],
  },
  {
    name: "crash",
    group: "processes",
    tries: "a segmentation fault",
    ends: ["normalizer-crashed"],
    states: ["fresh", "fork"],
  },
  {
    name: "plain-signal",
    group: "processes",
    tries: "output, then death by a signal, in the plain form",
    ends: ["normalizer-crashed", "normalizer-raised"],
  },

  {
    name: "blame-the-platform",
    group: "processes",
    tries: "looking, at load, like a runtime that failed, so that the platform takes the blame",
    ends: ["normalizer-crashed", "normalizer-load-failed"],
  },
  {
    name: "plain-blame-the-platform",
    group: "processes",
    tries: "the status and words of a runtime that failed, in the plain form",
    ends: ["normalizer-raised", "normalizer-crashed"],
  },

  // Kernel
  {
    name: "syscalls",
    group: "kernel",
    tries: "ptrace, mount, unshare, keyctl, bpf, perf, io_uring, mknod and 50 more system calls",
    ends: OK,
    attempts: 60,
    needs: "sharesKernel",
    unconfined: ["ptrace-traceme", "name_to_handle_at", "keyctl", "new-privileges", "no-seccomp"],
  },
  {
    name: "syscalls-foreign-abi",
    group: "kernel",
    tries: "the same calls through the 32-bit and x32 tables",
    ends: OK,
    attempts: 1,
    needs: "sharesKernel",
  },
  {
    name: "terminal-injection",
    group: "kernel",
    tries: "typing into the terminal of whoever started the runner",
    ends: OK,
    attempts: 30,
  },
  {
    name: "parent-memory",
    group: "kernel",
    tries: "memory, descriptors and root of the processes above it",
    ends: OK,
    states: ["fresh", "fork"],
    attempts: 0,
  },

  // Containers
  {
    name: "exe-overwrite",
    group: "containers",
    tries: "the program that made the sandbox, overwritten through /proc/PID/exe (as in CVE-2019-5736)",
    ends: OK,
    states: ["fresh", "fork"],
    attempts: 7,
  },
  {
    name: "plain-exe-interpreter",
    group: "containers",
    tries:
      "a script whose interpreter is /proc/self/exe, so that the program that made the sandbox runs again inside",
    ends: ["normalizer-raised", "normalizer-crashed"],
  },
  {
    name: "mounts",
    group: "containers",
    tries: "overlays, binds, moves and remounts over and beside the sandbox's own mounts",
    ends: OK,
    attempts: 20,
    unconfined: ["in-a-user-namespace"],
  },
  {
    name: "cgroup-files",
    group: "containers",
    tries: "control files of its cgroup: its limits, leaving it, release_agent (as in CVE-2022-0492)",
    ends: OK,
    attempts: 3,
    unconfined: ["write"],
  },
  {
    name: "leaked-folder",
    group: "containers",
    tries: "a folder of the host that a runtime left open or stood in (as in CVE-2024-21626)",
    ends: OK,
    states: ["fresh", "fork"],
    attempts: 4,
    unconfined: ["climb", "enter"],
  },
  {
    name: "root-links",
    group: "containers",
    tries: "a root filesystem whose /proc, /dev, /sys, /tmp and /whiskers are links to folders of the host",
    ends: OK,
    root: "links",
    attempts: 15,
  },
  {
    name: "root-privileges",
    group: "containers",
    tries: "a root filesystem with set-uid programs, file capabilities and device nodes",
    ends: OK,
    root: "privileges",
    attempts: 4,
    allowed: { "open null": "every sandbox has that device; engines mount folders without `nodev`" },
    judge: (runs) => {
      const offered = runs[0]?.facts["offered"];
      assert.ok(Array.isArray(offered) && offered.length >= 2, "the root holds what it is to hold");
    },
  },

  // Protocol
  {
    name: "frame-unknown-kind",
    group: "protocol",
    tries: "a frame of an unknown kind",
    ends: BROKEN,
    states: ["fresh", "fork"],
  },
  {
    name: "frame-giant",
    group: "protocol",
    tries: "a frame of four gigabytes",
    ends: BROKEN,
    states: ["fresh", "fork"],
  },
  {
    name: "frame-of-the-host",
    group: "protocol",
    tries: "a frame that only the host sends",
    ends: BROKEN,
    states: ["fresh", "fork"],
  },
  {
    name: "frame-foreign-run",
    group: "protocol",
    tries: "records for another run",
    ends: BROKEN,
    states: ["fresh", "fork"],
  },
  {
    name: "frame-raw-bytes",
    group: "protocol",
    tries: "bytes that are no frames",
    ends: BROKEN,
    states: ["fresh", "fork"],
  },
  {
    name: "frame-cut-off",
    group: "protocol",
    tries: "half a frame, then exit status 0",
    ends: ["normalizer-crashed", "protocol-violation"],
    states: ["fresh", "fork"],
  },
  {
    name: "ready-while-running",
    group: "protocol",
    tries: "`ready` in the middle of its run",
    ends: BROKEN,
    states: ["fresh", "fork"],
  },
  {
    name: "records-after-done",
    group: "protocol",
    tries: "records after `done`, for this run and the next",
    ends: ["protocol-violation", "succeeded"],
    states: ["fresh", "fork", "reuse"],
    limits: { wallMs: 1500 },
    judge: (runs) => {
      assert.ok(!JSON.stringify(runs[0]?.records).includes("late"), "nothing came after `done`");
    },
  },
  {
    name: "done-twice",
    group: "protocol",
    tries: "`done` twice",
    ends: ["protocol-violation", "succeeded"],
    states: ["fresh", "fork"],
    limits: { wallMs: 1500 },
  },
  {
    name: "failed-after-done",
    group: "protocol",
    tries: "`done`, then `failed`",
    ends: ["protocol-violation", "succeeded", "normalizer-raised"],
    states: ["fresh", "fork"],
    limits: { wallMs: 1500 },
  },
  {
    name: "forged-next-run",
    group: "protocol",
    tries: "the whole of the next run, forged before it begins",
    ends: ["protocol-violation", "succeeded"],
    states: ["fresh", "reuse"],
    limits: { wallMs: 1500 },
  },
  { name: "done-wrong-count", group: "protocol", tries: "`done` with a wrong count", ends: BROKEN },
  { name: "done-not-json", group: "protocol", tries: "`done` that is not JSON", ends: BROKEN },
  {
    name: "failed-deep-json",
    group: "protocol",
    tries: "`failed` nested 100,000 deep",
    ends: BROKEN,
  },
  {
    name: "records-deep-json",
    group: "protocol",
    tries: "a record nested 100,000 deep",
    // Whether it is a valid record is for the records stage; here it must only arrive.
    ends: ["succeeded", "protocol-violation"],
    limits: { wallMs: 1500 },
  },
  {
    name: "failed-flood",
    group: "protocol",
    tries: "an error message of twelve megabytes",
    ends: ["protocol-violation", "normalizer-raised"],
  },
  {
    name: "plain-exit-0-garbage",
    group: "protocol",
    tries: "exit status 0 and no JSON, in the plain form",
    // Whether output is JSON is for the records stage; here it must only arrive.
    ends: ["succeeded", "invalid-output", "protocol-violation"],
  },

  // Text
  {
    name: "raise-escapes",
    group: "text",
    tries: "terminal escapes, NUL and three megabytes in an exception",
    ends: ["normalizer-raised"],
    states: ["fresh", "fork"],
    judge: (runs) => {
      assert.ok((runs[0]?.message.length ?? 0) > 0, "there is a message");
    },
  },
  {
    name: "log-escapes",
    group: "text",
    tries: "terminal escapes, NUL and invalid UTF-8 in logs and on standard error",
    ends: OK,
    states: ["fresh", "fork"],
    judge: (runs) => {
      const logs = runs[0]?.logs ?? [];
      assert.ok(logs.length >= 5, "the log was kept");
      assert.ok(!logs.some((line) => UNSAFE_TEXT.test(line)), "no control characters");
      assert.equal(Reflect.get({}, "polluted"), undefined);
    },
  },

  // State
  {
    name: "leak-files",
    group: "state",
    tries: "files left for the next run, hard to remove",
    ends: OK,
    secondEnds: OK,
    states: ["fresh", "fork"],
    attempts: 5,
    limits: { wallMs: 8000 },
  },
  {
    name: "leak-memory",
    group: "state",
    tries: "the earlier run's input, looked for in all of its own memory",
    ends: OK,
    secondEnds: OK,
    states: ["fresh", "fork"],
    attempts: 2,
    unconfined: ["module-state", "memory"],
    judge: (runs) => {
      assert.notEqual(
        runs[0]?.facts["random"],
        runs[1]?.facts["random"],
        "random numbers differ from run to run",
      );
    },
  },
  {
    name: "leak-processes",
    group: "state",
    tries: "daemons left for the next run, reading its descriptors",
    ends: OK,
    secondEnds: OK,
    states: ["fresh", "fork"],
    attempts: 2,
  },
  {
    name: "leak-ipc",
    group: "state",
    tries: "System V and POSIX shared objects and keys left for the next run",
    ends: OK,
    secondEnds: OK,
    states: ["fresh", "fork"],
    attempts: 6,
  },
  {
    name: "leak-parent",
    group: "state",
    tries: "priority, limits, affinity and descriptor flags of its parent changed for the next run",
    ends: OK,
    secondEnds: OK,
    states: ["fork"],
    judge: (runs) => {
      assert.ok(runs[0]?.facts["before"] !== undefined);
      assert.deepEqual(
        runs[1]?.facts["after"],
        runs[0]?.facts["before"],
        "the next run is born as the first was",
      );
    },
  },
  {
    name: "leak-stderr",
    group: "state",
    tries: "standard error, which runs share, narrowed for the next run",
    ends: OK,
    secondEnds: OK,
    states: ["fork"],
    judge: (runs) => {
      assert.ok(runs[0]?.facts["before"] !== undefined);
      assert.deepEqual(
        runs[1]?.facts["after"],
        runs[0]?.facts["before"],
        "the next run prints as the first did",
      );
    },
  },
  {
    name: "leak-stderr-shutdown",
    group: "state",
    tries: "standard error, which runs share, shut down for the next run",
    ends: OK,
    secondEnds: OK,
    states: ["fork"],
    judge: (runs) => {
      assert.ok(runs[0]?.facts["before"] !== undefined);
      assert.deepEqual(
        runs[1]?.facts["after"],
        runs[0]?.facts["before"],
        "the next run prints as the first did",
      );
    },
  },
  {
    name: "leak-stop-parent",
    group: "state",
    tries: "stopping its parent so that the next run hangs",
    ends: ["succeeded", "time-limit"],
    secondEnds: OK,
    states: ["fork"],
    limits: { wallMs: 1500 },
    judge: (runs) => {
      assert.deepEqual(runs[1]?.records, [{ turn: 2 }]);
    },
  },
  {
    name: "leak-forged-child",
    group: "state",
    tries: "what its parent says, and the next run, forged by a child",
    ends: ["protocol-violation", "succeeded"],
    secondEnds: OK,
    states: ["fork"],
    judge: (runs) => {
      assert.deepEqual(runs[1]?.records, [{ turn: 2 }]);
    },
  },
  {
    name: "leak-blame",
    group: "state",
    tries: "a run that lives through being out of memory, so that the next one is blamed for it",
    ends: ["succeeded", "memory-limit"],
    secondEnds: ["normalizer-crashed"],
    states: ["fork", "fresh"],
  },
  {
    name: "leak-fork-storm",
    group: "state",
    tries: "a swarm of forking children that must be gone before the next run",
    ends: ["succeeded", "time-limit", "normalizer-crashed"],
    secondEnds: OK,
    states: ["fork"],
    attempts: 1,
    limits: { wallMs: 3000 },
  },
];

/** A tenth more than the limit: the kernel counts by batches of pages. */
function withinMemory(value: unknown, limits: { readonly memoryBytes: number }): boolean {
  return Number(value) > 0 && Number(value) <= 1.1 * limits.memoryBytes;
}
