import { existsSync, lstatSync, readlinkSync, statSync } from "node:fs";

import type { Limits } from "../../domain/limits.ts";
import { rootEntries } from "./root-entries.ts";

/**
 * What is visible where in a sandbox. Written once, and turned into arguments of bubblewrap, a script for the tools
 * of util-linux or the mounts of a container, so that they cannot differ. All is under a root of ours that is
 * read-only; everything from the host is read-only, without set-uid programs and devices.
 * A parent comes before what is in it.
 */
export type Entry =
  | {
      readonly kind: "read-only";
      readonly source: string;
      readonly target: string;
      /** The source is a file, not a folder. */
      readonly isFile?: boolean;
    }
  /** A folder of ours that what runs inside may write to. No guest has one. */
  | { readonly kind: "writable"; readonly source: string; readonly target: string }
  | { readonly kind: "device"; readonly target: string }
  | { readonly kind: "link"; readonly target: string; readonly to: string }
  | { readonly kind: "tmpfs"; readonly target: string; readonly bytes: number }
  | { readonly kind: "proc"; readonly target: string };

/** The sandbox's folders as the guest sees them. */
export const INSIDE = Object.freeze({
  package: "/whiskers/package",
  sdk: "/whiskers/sdk",
  dependencies: "/whiskers/dependencies",
  bin: "/whiskers/bin",
  files: "/whiskers",
  compileCache: "/whiskers/compiled",
});

/** User and group inside. They own nothing there but /tmp. */
export const INSIDE_ID = 1000;

/** Where the loader and interpreters look for libraries. Links to others of them are kept as links. */
const LIBRARY_FOLDERS = [
  "/usr/lib",
  "/usr/lib32",
  "/usr/lib64",
  "/usr/libx32",
  "/lib",
  "/lib32",
  "/lib64",
  "/libx32",
];
const SHARED_DATA = ["/usr/share/zoneinfo"];
/** What programs of the PATH need besides libraries. */
const PROGRAM_FOLDERS = [
  "/usr/bin",
  "/usr/sbin",
  "/usr/local",
  "/usr/share",
  "/bin",
  "/sbin",
  "/etc/alternatives",
];
/** Where some systems keep everything: NixOS, Guix. */
const STORES = ["/nix/store", "/gnu/store"];
const DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const DEVICE_LINKS = { fd: "/proc/self/fd", stdin: "fd/0", stdout: "fd/1", stderr: "fd/2" };
/** POSIX semaphores and shared memory of well-behaved programs are small. */
const SHM_MAX_BYTES = 16 * 1024 * 1024;

export interface ViewParts {
  /** Folder with the few files of a synthetic /etc, for what has none of its own. */
  readonly etc: string;
  /** A root filesystem in place of all that the machine has; null: none. */
  readonly rootFolder: string | null;
  readonly packageFolder: string;
  readonly sdkFolder: string;
  /** Null: the package has none. */
  readonly dependenciesFolder: string | null;
  /** Without a root: the interpreter, its libraries; same path inside as outside. */
  readonly needs: readonly string[];
  /** Without a root: programs and data of the machine's PATH too, for commands. */
  readonly programs: boolean;
  readonly extra?: readonly Entry[];
}

/** Programs, libraries and data of this machine, or of a root filesystem in its place. */
export function programEntries(root: string | null): readonly Entry[] {
  if (root !== null) return rootEntries(root);
  return [...LIBRARY_FOLDERS, ...SHARED_DATA, ...STORES, ...PROGRAM_FOLDERS].flatMap(hostEntry);
}

/** Devices and the kernel's file systems. */
export function kernelEntries(): readonly Entry[] {
  return [
    ...DEVICES.map((target): Entry => ({ kind: "device", target })),
    ...Object.entries(DEVICE_LINKS).map(([name, to]): Entry => ({
      kind: "link",
      target: `/dev/${name}`,
      to,
    })),
    { kind: "proc", target: "/proc" },
  ];
}

/** Sorted so that parents come first, and without what a mount of a parent shows already. */
export function systemView(parts: ViewParts): readonly Entry[] {
  const base = parts.rootFolder === null ? machineEntries(parts) : rootEntries(parts.rootFolder);
  const entries: Entry[] = [
    ...(base.some(({ target }) => target === "/etc")
      ? []
      : [{ kind: "read-only" as const, source: parts.etc, target: "/etc" }]),
    ...base,
    { kind: "read-only", source: parts.packageFolder, target: INSIDE.package },
    { kind: "read-only", source: parts.sdkFolder, target: INSIDE.sdk },
    ...(parts.dependenciesFolder === null ? [] : [readOnly(parts.dependenciesFolder, INSIDE.dependencies)]),
    ...(parts.extra ?? []),
    ...kernelEntries(),
  ];
  return withoutCovered(entries);
}

/** The part of the view that a guest can write to. Its sizes depend on the limits of a run: `withLimits`. */
export function privateView(limits: Limits): readonly Entry[] {
  return [
    { kind: "tmpfs", target: "/tmp", bytes: limits.tmpBytes },
    { kind: "tmpfs", target: "/dev/shm", bytes: Math.min(SHM_MAX_BYTES, limits.tmpBytes) },
  ];
}

/** The same view, with the sizes that these limits ask for. */
export function withLimits(entries: readonly Entry[], limits: Limits): readonly Entry[] {
  const sized = privateView(limits);
  return entries.map((entry) =>
    entry.kind === "tmpfs" ? (sized.find((other) => other.target === entry.target) ?? entry) : entry,
  );
}

/** What interpreters of the machine need, and programs when they are wanted. */
function machineEntries({ needs, programs }: ViewParts): readonly Entry[] {
  const folders = [...LIBRARY_FOLDERS, ...SHARED_DATA, ...STORES, ...(programs ? PROGRAM_FOLDERS : [])];
  return [...folders.flatMap(hostEntry), ...needs.map((path): Entry => readOnly(path, path))];
}

function hostEntry(path: string): Entry[] {
  if (!existsSync(path)) return [];
  if (lstatSync(path).isSymbolicLink()) return [{ kind: "link", target: path, to: readlinkSync(path) }];
  return [readOnly(path, path)];
}

/** @throws Error from the file system: there is no such source */
export function readOnly(source: string, target: string): Entry {
  return { kind: "read-only", source, target, isFile: !statSync(source).isDirectory() };
}

/** Every mount costs time at every start: none for what a mount of a parent shows already. */
export function withoutCovered(entries: readonly Entry[]): readonly Entry[] {
  const kept: Entry[] = [];
  const byDepth = entries.toSorted((a, b) => depth(a) - depth(b));
  for (const entry of byDepth) if (!kept.some((other) => covers(other, entry))) kept.push(entry);
  return kept;
}

function depth(entry: Entry): number {
  return entry.target.split("/").length;
}

function covers(other: Entry, entry: Entry): boolean {
  if (other.kind !== "read-only") return false;
  if (entry.kind === "link" || entry.kind === "read-only") {
    const same = other.target === entry.target;
    const source = entry.kind === "read-only" ? entry.source : entry.target;
    return (
      same ||
      (entry.target.startsWith(`${other.target}/`) &&
        other.source === other.target &&
        source === entry.target)
    );
  }
  return false;
}
