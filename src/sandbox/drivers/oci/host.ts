import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import path from "node:path/posix";

import { USUAL_PATH } from "../../../domain/usual-path.ts";
import type { Protection } from "../../../domain/outcome.ts";
import type { CgroupParent } from "../../cgroup/cgroup.ts";
import { openCgroups } from "../../cgroup/open-cgroups.ts";
import { sandboxNamePrefix } from "../../cgroup/owner.ts";
import type { Sandbox } from "../../driver.ts";
import { findAll } from "../../interpreters.ts";
import { newDraftName, removeStaleDrafts } from "../../view/drafts.ts";
import { makeEtcFolder } from "../../view/etc-folder.ts";
import { makeFolder } from "../../view/make-folder.ts";
import { rememberPythons } from "../../view/remember-pythons.ts";
import { copySdk } from "../../view/sdk-copy.ts";
import { Stage } from "../../view/stage.ts";
import type { Entry } from "../../view/view.ts";
import type { LaunchCommand, ViewHost } from "../../view/view-host.ts";
import { inheritedDescriptors } from "../inherited-descriptors.ts";
import { SandboxIds } from "../subprocess/confine.ts";
import type { OciOptions } from "./create-oci-driver.ts";
import { reap } from "./reap.ts";
import type { Runtime } from "./runtimes.ts";
import { WholeRoots } from "./whole-roots.ts";

/** This machine as far as containers of one runtime are concerned. */
export interface OciHost extends ViewHost {
  readonly runtime: Runtime;
  /** Bundles lie in it, one for each container. */
  readonly bundles: string;
  /** The runtime's own records of containers. */
  readonly records: string;
  /** Copies of shells, for first processes. */
  readonly inits: string;
  /** Skeletons of roots. */
  readonly roots: string;
  readonly cgroups: CgroupParent | null;
  readonly ids: SandboxIds;
  readonly stage: Stage;
  /** For runtimes that want such. */
  readonly wholeRoots: WholeRoots;
  /** Containers are put into a user namespace. */
  readonly userNamespace: boolean;
  /** We are root: containers get users of their own. Else theirs is ours. */
  readonly isRoot: boolean;
  readonly nsenter: string;
  /** Descriptors that children of this process would inherit. */
  readonly inherited: readonly number[];
  readonly protections: readonly Protection[];
  readonly advice: readonly string[];
  nextName(): string;
  launch(
    entries: readonly Entry[],
    command: LaunchCommand,
  ): Promise<Sandbox & { processes(): readonly number[] }>;
}

export function searchPathOf(options: OciOptions): string {
  return options.searchPath ?? `${process.env["PATH"] ?? ""}:${USUAL_PATH}`;
}

/** What does not depend on the runtime, found out once; and what a process that was killed left behind, removed. */
export async function findBase(options: OciOptions): Promise<OciBase> {
  const { stateDirectory } = options;
  await mkdir(stateDirectory, { recursive: true });
  const searchPath = searchPathOf(options);
  const folders = {
    bundles: path.join(stateDirectory, "oci/bundles"),
    records: path.join(stateDirectory, "oci/records"),
  };
  for (const folder of Object.values(folders)) await makeFolder(folder);
  await reap(folders);
  await removeStaleDrafts(stateDirectory);
  const instance = randomBytes(4).readUInt32BE() % 1_000_000;
  const draftName = newDraftName();
  const prefix = sandboxNamePrefix();
  let count = 0;
  return {
    ...folders,
    inits: path.join(stateDirectory, "oci/inits"),
    roots: path.join(stateDirectory, "roots"),
    stateDirectory,
    cgroups: openCgroups(),
    ids: new SandboxIds(),
    stage: new Stage(),
    wholeRoots: new WholeRoots(path.join(stateDirectory, "oci/whole")),
    isRoot: process.geteuid?.() === 0,
    nsenter: findAll("nsenter", searchPath)[0] ?? "nsenter",
    inherited: inheritedDescriptors(),
    etcFolder: await makeEtcFolder(stateDirectory, draftName),
    sdkFolder: await copySdk(options.sdkFolder, stateDirectory, draftName),
    findPython: rememberPythons(searchPath),
    nextName: () => `${prefix}${instance}${String((count += 1)).padStart(6, "0")}`,
  };
}

export type OciBase = Omit<
  OciHost,
  "runtime" | "userNamespace" | "protections" | "advice" | "makeEntries" | "launch"
>;
