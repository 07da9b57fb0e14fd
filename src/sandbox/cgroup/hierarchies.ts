import path from "node:path/posix";

export type Controller = "memory" | "pids" | "cpu" | "cpuacct";

/** One cgroup hierarchy that this process is in. */
export interface Hierarchy {
  readonly version: 1 | 2;
  /** Of a v2 hierarchy it is empty: its file `cgroup.controllers` says it. */
  readonly controllers: readonly Controller[];
  /** The cgroup that this process is in, as a folder that it can reach. */
  readonly folder: string;
}

const CONTROLLERS: readonly Controller[] = ["memory", "pids", "cpu", "cpuacct"];

/**
 * Hierarchies that can limit or measure something, from the text of `/proc/self/cgroup`, cgroups(7), and of
 * `/proc/self/mountinfo`, proc_pid_mountinfo(5). A machine may have v1, v2, or both (hybrid).
 */
export function findHierarchies(cgroupText: string, mountinfoText: string): readonly Hierarchy[] {
  const mounts = mountinfoText.split("\n").flatMap(parseMount);
  return cgroupText.split("\n").flatMap((line): Hierarchy[] => {
    const [, number, names = "", own = ""] = /^(\d+):([^:]*):(.*)$/u.exec(line) ?? [];
    if (number === undefined) return [];
    const version = number === "0" && names === "" ? 2 : 1;
    const controllers = CONTROLLERS.filter((name) => names.split(",").includes(name));
    if (version === 1 && controllers.length === 0) return [];
    const mount = mounts.find((one) =>
      version === 2 ? one.type === "cgroup2" : controllers.every((name) => one.options.includes(name)),
    );
    if (mount === undefined) return [];
    // In a container the mount may show only a part of the tree.
    const below = path.relative(mount.root, own);
    if (below.startsWith("..")) return [];
    return [{ version, controllers, folder: path.join(mount.folder, below) }];
  });
}

/** The cgroup that this process is in, in every hierarchy of this machine, as folders that it can reach. */
export function findOwnFolders(cgroupText: string, mountinfoText: string): readonly string[] {
  const mounts = mountinfoText.split("\n").flatMap(parseMount);
  return cgroupText.split("\n").flatMap((line) => {
    const [, number, names = "", own = ""] = /^(\d+):([^:]*):(.*)$/u.exec(line) ?? [];
    if (number === undefined) return [];
    const mount = mounts.find((one) =>
      names === "" ? one.type === "cgroup2" : names.split(",").every((name) => one.options.includes(name)),
    );
    const below = mount === undefined ? ".." : path.relative(mount.root, own);
    return mount === undefined || below.startsWith("..") ? [] : [path.join(mount.folder, below)];
  });
}

interface Mount {
  readonly root: string;
  readonly folder: string;
  readonly type: string;
  readonly options: readonly string[];
}

function parseMount(line: string): Mount[] {
  const [before = "", after = ""] = line.split(" - ", 2);
  const [, , , root, folder] = before.split(" ");
  const [type, , options = ""] = after.split(" ");
  if (root === undefined || folder === undefined || (type !== "cgroup" && type !== "cgroup2")) return [];
  return [{ root, folder, type, options: options.split(",") }];
}
