import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  futimesSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from "node:fs";

import { codeOf, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import type { TarEntry, TarHandler } from "./tar-reader.ts";

/** What unpacking of an image may come to. */
export interface UnpackLimits {
  /** Of all layers, before compression. */
  readonly mostBytes: number;
  /** Of all layers. */
  readonly mostEntries: number;
}

/**
 * A tree that layers are unpacked into, the lowest first.
 *
 * The archives are hostile. What is in the tree is known from memory, and every link on the way is followed there,
 * within the tree; the path that the kernel is given has no link in it. Nothing is ever opened that was there:
 * what an entry replaces is removed, and made anew with O_EXCL, so that names which the file system cannot tell
 * apart are noticed.
 *
 * Owners are not kept: everything belongs to whoever unpacks. Modes are 0755 for folders and for files that
 * anybody may execute, 0644 for others: the user of any sandbox can read everything, and nothing is setuid.
 * Devices, pipes and sockets are left out, and so are extended attributes.
 */
export interface UnpackedTree {
  /** Takes over a tree that is there, by hard links: no file is ever changed in place, so they may share. */
  takeOver(folder: string): void;
  /** What reads one more layer. `shownAs`: the layer, as errors call it. */
  layer(shownAs: string): TarHandler;
  /** Sets the times of folders. To be called last. */
  finish(): void;
  readonly entries: number;
  readonly bytes: number;
  /** Devices and the like that were left out. */
  readonly leftOut: number;
}

type Node = FolderNode | { readonly kind: "file"; readonly layer: number } | LinkNode;

interface FolderNode {
  readonly kind: "folder";
  layer: number;
  mtime: number;
  readonly children: Map<string, Node>;
}

interface LinkNode {
  readonly kind: "link";
  readonly layer: number;
  readonly target: string;
}

/** A folder, and where it is: no part of its path is a link. */
interface Place {
  readonly node: FolderNode;
  readonly parts: readonly string[];
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** Of aufs' own, which archives of old Docker versions hold. */
const AUFS = ".wh..wh.";
/** As the kernel's. */
const MOST_LINKS_FOLLOWED = 40;
const LONGEST_NAME_BYTES = 255;
/** Below PATH_MAX, with room for where the tree lies. */
const LONGEST_PATH_BYTES = 3072;
const MOST_DEPTH = 128;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** What every file system can hold: 1901 to 2038. */
const LATEST_TIME = 2 ** 31 - 1;

/** @param folder absolute; empty */
export function createUnpackedTree(folder: string, limits: UnpackLimits): UnpackedTree {
  /** As bytes, as all paths here. */
  const base = Buffer.from(folder).toString("latin1");
  const root: FolderNode = { kind: "folder", layer: -1, mtime: 0, children: new Map() };
  let current = -1;
  let shownAs = "";
  let entries = 0;
  let bytes = 0;
  let leftOut = 0;
  let file: number | null = null;
  let fileTime = 0;

  return {
    takeOver(other) {
      copyFolder(Buffer.from(other).toString("latin1"), { node: root, parts: [] });
    },
    layer(name) {
      current += 1;
      shownAs = name;
      return {
        entry: (entry) => {
          onDisk(entry.name, () => {
            addEntry(entry);
          });
        },
        content: (chunk) => {
          onDisk("", () => {
            addContent(chunk);
          });
        },
        entryEnd: () => {
          onDisk("", endFile);
        },
      };
    },
    finish() {
      setFolderTimes({ node: root, parts: [] });
    },
    get entries() {
      return entries;
    },
    get bytes() {
      return bytes;
    },
    get leftOut() {
      return leftOut;
    },
  };

  function addEntry(entry: TarEntry): void {
    count();
    const parts = partsOf(entry.name);
    const name = parts.at(-1);
    if (name === undefined) {
      if (entry.kind === "folder") root.mtime = entry.mtime;
      else throw invalid(entry.name, "it would take the place of the root itself");
      return;
    }
    const reserved = parts.slice(0, -1).find((part) => part.startsWith(WHITEOUT));
    if (reserved?.startsWith(AUFS) === true) {
      leftOut += 1;
      return;
    }
    if (reserved !== undefined) throw invalid(entry.name, `a folder with the name of a whiteout`);
    if (name === OPAQUE) {
      const place = find(parts.slice(0, -1));
      if (place !== null) empty(place);
    } else if (name.startsWith(AUFS)) leftOut += 1;
    else if (name.startsWith(WHITEOUT)) whiteOut(parts, entry.name);
    else add(entry, folderAt(parts.slice(0, -1), entry.name), name);
  }

  function add(entry: TarEntry, place: Place, name: string): void {
    const there = place.node.children.get(name);
    switch (entry.kind) {
      case "folder": {
        if (there?.kind === "folder") {
          there.layer = current;
          there.mtime = entry.mtime;
          return;
        }
        remove(place, name);
        makeFolder(place, name, entry.name).mtime = entry.mtime;
        return;
      }
      case "file":
        if (entry.size > limits.mostBytes - bytes)
          throw tooLarge(entry.name, `a file of ${entry.size} bytes`);
        remove(place, name);
        file = openSync(at(place, name), NEW_FILE, 0o600);
        fchmodSync(file, (entry.mode & 0o111) === 0 ? 0o644 : 0o755);
        fileTime = timeOf(entry.mtime);
        place.node.children.set(name, { kind: "file", layer: current });
        return;
      case "link":
        if (entry.linkName === "") throw invalid(entry.name, "a link to nothing");
        remove(place, name);
        makeLink(place, name, entry.linkName, entry.mtime);
        return;
      case "hard-link":
        addHardLink(entry, place, name);
        return;
      case "device":
        remove(place, name);
        leftOut += 1;
        return;
      default:
        throw new Error(`no kind ${String(entry.kind satisfies never)}`);
    }
  }

  function addContent(chunk: Buffer): void {
    bytes += chunk.length;
    if (file === null) return;
    for (let done = 0; done < chunk.length;) done += writeSync(file, chunk, done);
  }

  function endFile(): void {
    if (file === null) return;
    futimesSync(file, fileTime, fileTime);
    closeSync(file);
    file = null;
  }

  function addHardLink(entry: TarEntry, place: Place, name: string): void {
    const parts = partsOf(entry.linkName);
    const targetName = parts.at(-1);
    const target = find(parts.slice(0, -1));
    const node = targetName === undefined ? undefined : target?.node.children.get(targetName);
    if (target === null || targetName === undefined || node === undefined) {
      throw invalid(entry.name, `a hard link to ${shown(entry.linkName)}, which is not there`);
    }
    if (node.kind === "folder")
      throw invalid(entry.name, `a hard link to the folder ${shown(entry.linkName)}`);
    if (node === place.node.children.get(name)) return;
    // Before anything is removed: the target may be in a folder that this entry replaces.
    const replaced = place.node.children.get(name);
    if (replaced?.kind === "folder" && isWithin([...place.parts, name], target.parts)) {
      throw invalid(entry.name, "a hard link into the folder that it replaces");
    }
    remove(place, name);
    if (node.kind === "link") makeLink(place, name, node.target, entry.mtime);
    else {
      linkSync(at(target, targetName), at(place, name));
      place.node.children.set(name, { kind: "file", layer: current });
    }
  }

  /** Hides what the layers below have; what this layer has stays, in whatever order they come. */
  function whiteOut(parts: readonly string[], shownName: string): void {
    const name = (parts.at(-1) ?? "").slice(WHITEOUT.length);
    if (name === "" || name === "." || name === "..") throw invalid(shownName, "a whiteout of nothing");
    const place = find(parts.slice(0, -1));
    const node = place?.node.children.get(name);
    if (place === null || node === undefined) return;
    if (node.kind === "folder" && hasOf(node, current)) empty({ node, parts: [...place.parts, name] });
    else if (node.layer !== current) remove(place, name);
  }

  function empty(place: Place): void {
    for (const [name, node] of place.node.children) {
      if (node.kind === "folder" && hasOf(node, current)) empty({ node, parts: [...place.parts, name] });
      else if (node.layer !== current) remove(place, name);
    }
  }

  function hasOf(node: FolderNode, layer: number): boolean {
    if (node.layer === layer) return true;
    return node.children
      .values()
      .some((child) => (child.kind === "folder" ? hasOf(child, layer) : child.layer === layer));
  }

  function remove(place: Place, name: string): void {
    if (!place.node.children.has(name)) return;
    rmSync(at(place, name), { recursive: true });
    place.node.children.delete(name);
  }

  /** The folder at a path, links followed within the tree; made when it is not there. */
  function folderAt(parts: readonly string[], shownName: string): Place {
    const place = walk(parts, (parent, name) => {
      count();
      return makeFolder(parent, name, shownName);
    });
    if (place === null) throw invalid(shownName, "a file, or a ring of links, is where its folder should be");
    return place;
  }

  function find(parts: readonly string[]): Place | null {
    return walk(parts, () => null);
  }

  function walk(
    parts: readonly string[],
    onMissing: (parent: Place, name: string) => FolderNode | null,
  ): Place | null {
    const ahead = parts.toReversed();
    let stack: readonly Place[] = [{ node: root, parts: [] }];
    let followed = 0;
    for (let name = ahead.pop(); name !== undefined; name = ahead.pop()) {
      const here = stack.at(-1) ?? { node: root, parts: [] };
      if (name === "" || name === ".") continue;
      if (name === "..") {
        if (stack.length > 1) stack = stack.slice(0, -1);
        continue;
      }
      const node = here.node.children.get(name) ?? onMissing(here, name);
      if (node === null || node.kind === "file") return null;
      if (node.kind === "folder") {
        stack = [...stack, { node, parts: [...here.parts, name] }];
        continue;
      }
      followed += 1;
      if (followed > MOST_LINKS_FOLLOWED) return null;
      if (node.target.startsWith("/")) stack = stack.slice(0, 1);
      ahead.push(...node.target.split("/").toReversed());
    }
    return stack.at(-1) ?? null;
  }

  function makeFolder(parent: Place, name: string, shownName: string): FolderNode {
    if (parent.parts.length >= MOST_DEPTH) throw invalid(shownName, `deeper than ${MOST_DEPTH} folders`);
    const folderPath = at(parent, name);
    mkdirSync(folderPath, 0o755);
    const node: FolderNode = { kind: "folder", layer: current, mtime: 0, children: new Map() };
    parent.node.children.set(name, node);
    return node;
  }

  function makeLink(place: Place, name: string, target: string, mtime: number): void {
    const linkPath = at(place, name);
    symlinkSync(Buffer.from(target, "latin1"), linkPath);
    lutimesSync(linkPath, timeOf(mtime), timeOf(mtime));
    place.node.children.set(name, { kind: "link", layer: current, target });
  }

  function copyFolder(from: string, to: Place): void {
    to.node.mtime = statSync(Buffer.from(from, "latin1")).mtimeMs / 1000;
    const options = { withFileTypes: true, encoding: "buffer" } as const;
    for (const found of readdirSync(Buffer.from(from, "latin1"), options)) {
      const name = found.name.toString("latin1");
      const source = Buffer.from(`${from}/${name}`, "latin1");
      if (found.isDirectory()) {
        const node = makeFolder(to, name, name);
        copyFolder(`${from}/${name}`, { node, parts: [...to.parts, name] });
      } else if (found.isSymbolicLink()) {
        const target = readlinkSync(source, { encoding: "buffer" }).toString("latin1");
        makeLink(to, name, target, lstatSync(source).mtimeMs / 1000);
      } else {
        shareOrCopy(source, at(to, name));
        to.node.children.set(name, { kind: "file", layer: current });
      }
      count();
    }
  }

  function setFolderTimes({ node, parts }: Place): void {
    for (const [name, child] of node.children) {
      if (child.kind === "folder") setFolderTimes({ node: child, parts: [...parts, name] });
    }
    const time = timeOf(node.mtime);
    utimesSync(Buffer.from([base, ...parts].join("/"), "latin1"), time, time);
  }

  function count(): void {
    entries += 1;
    if (entries > limits.mostEntries) throw tooLarge("", `more than ${limits.mostEntries} entries`);
  }

  /** Relative to the root, whatever it begins with. */
  function partsOf(name: string): readonly string[] {
    const parts = name.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) throw invalid(name, "a path with .. in it");
    if (parts.some((part) => part.length > LONGEST_NAME_BYTES)) {
      throw invalid(name, `a name of more than ${LONGEST_NAME_BYTES} bytes`);
    }
    return parts;
  }

  function at(place: Place, name: string): Buffer {
    const relative = [...place.parts, name].join("/");
    if (relative.length > LONGEST_PATH_BYTES || name.length > LONGEST_NAME_BYTES) {
      throw invalid(
        relative,
        `a path of more than ${LONGEST_PATH_BYTES} bytes, or a name of more than ${LONGEST_NAME_BYTES}`,
      );
    }
    return Buffer.from(`${base}/${relative}`, "latin1");
  }

  /** Tells a fault of the archive from one of the disk. */
  function onDisk(name: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      throw error instanceof WhiskersError ? error : fileTrouble(error, name);
    }
  }

  function fileTrouble(error: unknown, name: string): WhiskersError {
    switch (codeOf(error)) {
      case "EEXIST":
        return invalid(
          name,
          "two names that this file system cannot tell apart, as capitals and small letters",
        );
      case "ENAMETOOLONG":
      case "EILSEQ":
      case "EINVAL":
        return invalid(name, "a name that this file system cannot hold");
      default:
        return new WhiskersError("store-unusable", `${folder}: ${messageOf(error)}`, { cause: error });
    }
  }

  function invalid(name: string, why: string): WhiskersError {
    return new WhiskersError("image-invalid", `${shownAs}: ${shown(name)}: ${why}`);
  }

  function tooLarge(name: string, why: string): WhiskersError {
    const where = name === "" ? shownAs : `${shownAs}: ${shown(name)}`;
    const limit = `an image may have ${limits.mostEntries} entries and ${limits.mostBytes} bytes`;
    return new WhiskersError("image-too-large", `${where}: ${why}; ${limit}`);
  }
}

/** Most file systems take 65,000 names for one file. */
function shareOrCopy(source: Buffer, target: Buffer): void {
  try {
    linkSync(source, target);
  } catch (error) {
    if (codeOf(error) !== "EMLINK") throw error;
    copyFileSync(source, target, constants.COPYFILE_EXCL);
    const { atime, mtime } = statSync(source);
    utimesSync(target, atime, mtime);
  }
}

function isWithin(folder: readonly string[], parts: readonly string[]): boolean {
  return folder.every((name, index) => parts[index] === name);
}

function timeOf(seconds: number): number {
  return Math.max(0, Math.min(LATEST_TIME, seconds));
}

/** Bytes of a name as a text, quoted. */
function shown(name: string): string {
  const text = Buffer.from(name, "latin1").toString("utf8");
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}
