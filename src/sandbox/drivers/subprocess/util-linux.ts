import { execFile } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import path from "node:path/posix";
import { promisify } from "node:util";

import { findAll } from "../../interpreters.ts";
import { FD } from "./launch.ts";
import type { Launch, Variant } from "./launch.ts";
import { quote } from "./quote.ts";
import { findSeccompLoader } from "./seccomp-loader.ts";
import type { SeccompLoader } from "./seccomp-loader.ts";
import { isFileEntry, makeSkeleton, skeletonOf } from "../../view/skeleton.ts";
import { INSIDE, INSIDE_ID } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";

const NAMESPACES = ["--user", "--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup"];
/** Its programs that are needed, besides a shell. */
const PROGRAMS = ["unshare", "setpriv", "mount", "umount", "pivot_root"] as const;
type Programs = Readonly<Record<(typeof PROGRAMS)[number], string>>;
/** Inside, a program of the last steps before the guest. */
const inside = (name: string): string => `${INSIDE.bin}/${name}`;
/** Mount point of the host's root, for the moment between the change of root and its unmounting. */
const OLD_ROOT = ".old";
const OWN_FOLDERS = [`/${OLD_ROOT}`, INSIDE.files];
/** Files of an inode's size are not counted as bytes of a tmpfs; this many are enough for anybody. */
const TMPFS_INODES = 20_000;
const FILES_MAX = 2;
/** For /whiskers when files are placed there. */
const FILES_TMPFS_BYTES = 64 * 1024 * 1024;

/**
 * The tools of util-linux, which every Linux has: unshare(1) makes the namespaces, and a shell, as their init,
 * mounts what is visible and changes the root. The guest then gets a user namespace of its own, below the one
 * that owns the mounts, with all capabilities dropped.
 */
export async function findUtilLinux(options: {
  readonly searchPath: string;
  readonly stateDirectory: string;
  readonly shell: readonly string[];
  readonly ulimitProcesses: string;
}): Promise<Variant | null> {
  const { searchPath, stateDirectory } = options;
  const found = PROGRAMS.map(
    (name) => [name, findAll(name, searchPath).slice(0, 1).map(followed)[0]] as const,
  );
  if (found.some(([, program]) => program === undefined)) return null;
  const programs = Object.fromEntries(found) as Programs;
  const { stdout } = await promisify(execFile)(programs.unshare, ["--version"]);
  const version = /\d+(?:\.\d+)+/u.exec(stdout)?.[0] ?? "";
  const hostname = findAll("hostname", searchPath)[0] ?? null;
  const loader = await findSeccompLoader(searchPath);
  const own: readonly Entry[] = [
    { kind: "read-only", source: programs.unshare, target: inside("unshare"), isFile: true },
    { kind: "read-only", source: programs.setpriv, target: inside("setpriv"), isFile: true },
    ...(loader === null
      ? [{ kind: "read-only", source: "/bin/sh", target: inside("sh"), isFile: true } satisfies Entry]
      : loader.entries),
  ];
  const roots = path.join(stateDirectory, "roots");
  return {
    version: `util-linux ${version}`,
    entries: own,
    roots: false,
    seccomp: loader !== null,
    prepare: async (entries) => [await makeSkeleton(roots, entries, OWN_FOLDERS)],
    command: (launch) => [
      programs.setpriv,
      "--pdeathsig",
      "KILL",
      "--",
      programs.unshare,
      ...NAMESPACES.filter((name) => name !== "--net" || !launch.network),
      "--map-root-user",
      "--fork",
      "--kill-child",
      "--",
      ...options.shell,
      "-c",
      initScript(
        launch,
        programs,
        hostname,
        options.ulimitProcesses,
        skeletonOf(roots, launch.entries, OWN_FOLDERS),
      ),
      "sh",
      ...lastSteps(launch, loader),
    ],
  };
}

/** What the init of the sandbox does. It keeps only its capabilities inside, and no way for the guest to reach it. */
function initScript(
  launch: Launch,
  programs: Programs,
  hostname: string | null,
  ulimitProcesses: string,
  hostRoot: string,
): string {
  const root = launch.placeOf(hostRoot);
  const mount = quote(programs.mount);
  const lists = path.join(root, OLD_ROOT);
  const mounts = readMounts();
  const { files } = launch;
  // A POSIX shell has nine descriptors, and the last two are taken.
  if (files.length > FILES_MAX) throw new Error(`at most ${FILES_MAX} files can be placed`);
  const entries: readonly Entry[] = [
    ...launch.entries,
    ...(files.length === 0
      ? []
      : [{ kind: "tmpfs", target: INSIDE.files, bytes: FILES_TMPFS_BYTES } satisfies Entry]),
  ];
  const tmpfs = entries.filter((entry) => entry.kind === "tmpfs");
  const mounted = entries.filter((entry) => entry.kind !== "link");
  const late = mounted.filter((entry) => tmpfs.some((one) => entry.target.startsWith(`${one.target}/`)));
  const early = mounted.filter((entry) => !late.includes(entry));
  return [
    "set -e",
    // As the host sees it: /proc is still the host's.
    "read -r pid _ </proc/self/stat",
    String.raw`printf '{"child-pid":%s,"started":false}\n' "$pid" >&${FD.status}`,
    ...(hostname === null ? [] : [`${quote(hostname)} whiskers`]),
    // mount(8) reads its list from regular files only: they are opened before the new root covers them.
    `${mount} -t tmpfs -o size=1m,mode=0700 whiskers ${quote(lists)}`,
    ...writeList(
      `${lists}/early`,
      early.map((entry) => fstabLine(root, entry, launch, mounts)),
    ),
    ...writeList(
      `${lists}/late`,
      late.map((entry) => fstabLine(root, entry, launch, mounts)),
    ),
    `exec 8<${quote(`${lists}/early`)} 9<${quote(`${lists}/late`)}`,
    // Not in the list: it would be taken for done already where the folder is a mount itself.
    `${mount} -o bind,${READ_ONLY}${inheritedFlags(root, mounts)} ${quote(root)} ${quote(root)}`,
    `${mount} -a -T /proc/self/fd/8`,
    ...early.flatMap((entry) => remountsBelow(root, entry, launch, mounts, mount)),
    ...mountPoints(root, late),
    ...files.flatMap((file, index) => [
      `cat <&${FD.firstFile + index} >${quote(root + file)}`,
      `exec ${FD.firstFile + index}<&-`,
    ]),
    ...(late.length === 0 ? [] : [`${mount} -a -T /proc/self/fd/9`]),
    ...late.flatMap((entry) => remountsBelow(root, entry, launch, mounts, mount)),
    "exec 8<&- 9<&-",
    ...(files.length === 0 ? [] : [`${mount} -o remount,bind,${READ_ONLY} ${quote(root + INSIDE.files)}`]),
    `cd ${quote(root)}`,
    `${quote(programs.pivot_root)} . ${OLD_ROOT}`,
    "cd /",
    `/${OLD_ROOT}${quote(programs.umount)} -l /${OLD_ROOT}`,
    `cd ${quote(launch.workingFolder)}`,
    "unset OLDPWD",
    ...(launch.limitProcessesInside ? [`ulimit ${ulimitProcesses} ${launch.limits.processes + 1}`] : []),
    // What a shell says of how the guest ended is not the guest's.
    "exec 8>&2 2>/dev/null",
    "code=0",
    `"$@" 2>&8 8>&- || code=$?`,
    String.raw`printf '{"exit-code":%s}\n' "$code" >&${FD.status}`,
    'exit "$code"',
  ].join("\n");
}

/** From the init to the guest: a user namespace of its own, nothing to gain, no capabilities, the filter. */
function lastSteps(launch: Launch, loader: SeccompLoader | null): readonly string[] {
  const load = loader === null ? null : loader.command(launch.seccomp);
  return [
    inside("unshare"),
    "--user",
    `--map-user=${INSIDE_ID}`,
    `--map-group=${INSIDE_ID}`,
    "--keep-caps",
    "--",
    inside("setpriv"),
    "--no-new-privs",
    "--inh-caps=-all",
    "--ambient-caps=-all",
    "--bounding-set=-all",
    "--",
    ...(load ?? startWithoutLoader()),
    ...launch.argv,
  ];
}

/** A shell can say that the guest starts, and close what it may not have. */
function startWithoutLoader(): readonly string[] {
  const script = `printf '{"started":true}\\n' >&${FD.status}; exec ${FD.status}>&- ${FD.seccomp}<&-; exec "$@"`;
  return [inside("sh"), "-c", script, "sh"];
}

/** Set-uid programs and devices mean nothing anywhere in a sandbox. */
const READ_ONLY = "ro,nosuid,nodev";

function fstabLine(
  root: string,
  entry: Exclude<Entry, { kind: "link" }>,
  launch: Launch,
  mounts: readonly Mount[],
): string {
  const target = field(root + entry.target);
  switch (entry.kind) {
    case "read-only": {
      const source = launch.placeOf(entry.source);
      // The kernel lets a user namespace bind what has mounts below it only together with them.
      const bind = mountsBelow(source, mounts).length === 0 ? "bind" : "rbind";
      return `${field(source)} ${target} none ${bind},${READ_ONLY}${inheritedFlags(source, mounts)} 0 0`;
    }
    case "writable": {
      const source = launch.placeOf(entry.source);
      return `${field(source)} ${target} none bind,nosuid,nodev${inheritedFlags(source, mounts)} 0 0`;
    }
    case "device":
      return `${field(entry.target)} ${target} none bind 0 0`;
    case "tmpfs":
      return `tmpfs ${target} tmpfs size=${entry.bytes},nr_inodes=${TMPFS_INODES},mode=0700,nosuid,nodev 0 0`;
    case "proc":
      // The init's arguments name folders of the host; see also bubblewrap.ts.
      return `proc ${target} proc nosuid,nodev,noexec 0 0\ntmpfs ${target}/1 tmpfs ro,size=4k,mode=0000,nosuid,nodev 0 0`;
  }
}

/** fstab(5) wants white space and backslashes as octal numbers. */
function field(text: string): string {
  return text.replaceAll(
    /[\s\\]/gu,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
}

/** A recursive bind is read-only at its top only. WSL has mounts below /usr/lib, containers often have. */
function remountsBelow(
  root: string,
  entry: Entry,
  launch: Launch,
  mounts: readonly Mount[],
  mount: string,
): readonly string[] {
  if (entry.kind !== "read-only") return [];
  const source = launch.placeOf(entry.source);
  return mountsBelow(source, mounts).map((folder) => {
    const target = root + entry.target + folder.slice(source.length);
    return `${mount} -o remount,bind,${READ_ONLY}${inheritedFlags(folder, mounts)} ${quote(target)}`;
  });
}

/**
 * Where a link leads, since below the old root an absolute one leads nowhere. A program that does many things by the
 * name that it is called (busybox) keeps its name.
 */
function followed(program: string): string {
  const real = realpathSync(program);
  return path.basename(real) === path.basename(program) ? real : program;
}

/** Mount points of this machine below a folder; a parent comes before what is in it. */
function mountsBelow(folder: string, mounts: readonly Mount[]): readonly string[] {
  const below = mounts.filter((one) => one.folder.startsWith(`${folder}/`));
  return [...new Set(below.map((one) => one.folder))].toSorted();
}

/** A user namespace may not take this away from what it was given. */
function inheritedFlags(source: string, mounts: readonly Mount[]): string {
  let best = { folder: "", options: "" };
  for (const { folder, options } of mounts) {
    const holds = folder === "/" || source === folder || source.startsWith(`${folder}/`);
    if (holds && folder.length >= best.folder.length) best = { folder, options };
  }
  return best.options.split(",").includes("noexec") ? ",noexec" : "";
}

/** A mount of this machine: where, and its own options. */
interface Mount {
  readonly folder: string;
  readonly options: string;
}

/** proc_pid_mountinfo(5): white space and backslashes are octal numbers. */
function readMounts(): readonly Mount[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  return lines.map((line) => {
    const [, , , , folder = "", options = ""] = line.split(" ");
    const unescaped = folder.replaceAll(/\\(?<octal>[0-7]{3})/gu, (_, octal: string) =>
      String.fromCodePoint(Number.parseInt(octal, 8)),
    );
    return { folder: unescaped, options };
  });
}

const END = "END-OF-LIST";

function writeList(file: string, lines: readonly string[]): readonly string[] {
  return [`cat >${quote(file)} <<'${END}'`, ...lines, END];
}

/** The tmpfs of a sandbox is empty: what is to be seen in it needs a place. */
function mountPoints(root: string, entries: readonly Entry[]): readonly string[] {
  const kinds = entries.map((entry) => ({ target: root + entry.target, isFile: isFileEntry(entry) }));
  const folders = kinds.map(({ target, isFile }) => (isFile ? path.dirname(target) : target));
  const files = kinds.filter(({ isFile }) => isFile).map(({ target }) => target);
  return [
    ...(folders.length === 0 ? [] : [`mkdir -p ${folders.map(quote).join(" ")}`]),
    ...(files.length === 0 ? [] : [`touch ${files.map(quote).join(" ")}`]),
  ];
}
