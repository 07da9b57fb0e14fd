import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";

import type { Protection } from "../../../domain/outcome.ts";
import { WhiskersError } from "../../../errors.ts";
import type { CgroupParent } from "../../cgroup/cgroup.ts";
import { openCgroups } from "../../cgroup/open-cgroups.ts";
import { isStaleSandbox, sandboxNamePrefix } from "../../cgroup/owner.ts";
import { findAll } from "../../interpreters.ts";
import { writeFilterFile } from "../../seccomp/filter-file.ts";
import { findBubblewrap } from "./bubblewrap.ts";
import { SandboxIds } from "./confine.ts";
import type { Tools } from "./confine.ts";
import type { SubprocessOptions } from "./create-subprocess-driver.ts";
import { makeEtcFolder } from "./etc-folder.ts";
import type { Variant } from "./launch.ts";
import { inheritedDescriptors } from "./inherited-descriptors.ts";
import { Stage } from "./stage.ts";

/** This machine as far as sandboxes are concerned, found out once. */
export interface Host {
  readonly variant: Variant;
  readonly tools: Tools;
  readonly cgroups: CgroupParent | null;
  readonly ids: SandboxIds;
  readonly stage: Stage;
  readonly etcFolder: string;
  readonly sdkFolder: string;
  readonly searchPath: string;
  /** A file with the compiled filter; null: there is none for this machine. */
  readonly seccompFile: string | null;
  /** Descriptors that children of this process would inherit. */
  readonly inherited: readonly number[];
  readonly ulimitProcesses: "-u" | "-p";
  readonly protections: readonly Protection[];
  nextName(): string;
}

/** POSIX asks of a shell no more than descriptors of one digit, and dash does no more. */
const HIGHEST_OF_SH = 9;
const USUAL_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** @throws WhiskersError `runtime-unavailable` */
export async function setUp(options: SubprocessOptions): Promise<Host> {
  if (process.platform !== "linux") {
    throw new WhiskersError("runtime-unavailable", "the subprocess runtime needs Linux");
  }
  const searchPath = options.searchPath ?? `${process.env["PATH"] ?? ""}:${USUAL_FOLDERS}`;
  const variant = await findBubblewrap(searchPath);
  if (variant === null)
    throw new WhiskersError("runtime-unavailable", "neither bubblewrap nor util-linux was found");
  const cgroups = openCgroups();
  await cgroups?.reap(isStaleSandbox);
  const inherited = inheritedDescriptors();
  const shell = inherited.some((fd) => fd > HIGHEST_OF_SH) ? "/bin/bash" : "/bin/sh";
  const prefix = sandboxNamePrefix();
  const instance = randomBytes(4).readUInt32BE() % 1_000_000;
  let count = 0;
  return {
    variant,
    tools: {
      setpriv: findTool("setpriv", searchPath),
      nsenter: findTool("nsenter", searchPath),
      shell,
    },
    inherited,
    cgroups,
    ids: new SandboxIds(),
    stage: new Stage(),
    etcFolder: await makeEtcFolder(options.stateDirectory, `${process.pid}-${instance}`),
    sdkFolder: options.sdkFolder,
    searchPath,
    seccompFile: await writeFilterFile(options.stateDirectory, `${process.pid}-${instance}`),
    ulimitProcesses: ulimitProcessesFlag(shell),
    protections: [],
    nextName: () => `${prefix}${instance}${String((count += 1)).padStart(6, "0")}`,
  };
}

function findTool(name: string, searchPath: string): string {
  return findAll(name, searchPath)[0] ?? name;
}

/** Shells disagree on the letter: `-u` in bash and busybox, `-p` in dash. */
function ulimitProcessesFlag(shell: string): "-u" | "-p" {
  try {
    execFileSync(shell, ["-c", "ulimit -u 1000"], { stdio: "ignore" });
    return "-u";
  } catch {
    return "-p";
  }
}
