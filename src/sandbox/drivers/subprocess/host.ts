import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";

import { USUAL_PATH } from "../../../domain/usual-path.ts";
import type { Protection } from "../../../domain/outcome.ts";
import type { CgroupParent } from "../../cgroup/cgroup.ts";
import { openCgroups } from "../../cgroup/open-cgroups.ts";
import { isStaleSandbox, sandboxNamePrefix } from "../../cgroup/owner.ts";
import { findAll } from "../../interpreters.ts";
import type { Python } from "../../interpreters.ts";
import { newDraftName, removeStaleDrafts } from "../../view/drafts.ts";
import { rememberPythons } from "../../view/remember-pythons.ts";
import { writeFilterFile } from "../../seccomp/filter-file.ts";
import { findBubblewrap } from "./bubblewrap.ts";
import { SandboxIds } from "./confine.ts";
import type { Tools } from "./confine.ts";
import type { SubprocessOptions } from "./create-subprocess-driver.ts";
import { makeEtcFolder } from "../../view/etc-folder.ts";
import type { Variant } from "./launch.ts";
import { inheritedDescriptors, shellThatCloses } from "../inherited-descriptors.ts";
import { explainFailure } from "./explain-failure.ts";
import { judgeProtections } from "../../view/judge-protections.ts";
import { adviceFor } from "./advice-for.ts";
import { copySdk } from "../../view/sdk-copy.ts";
import { selfCheck } from "../../view/self-check.ts";
import { makeEntries } from "./make-entries.ts";
import { launchSandbox } from "./open.ts";
import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import { Stage } from "../../view/stage.ts";
import { findUtilLinux } from "./util-linux.ts";

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
  /** The kernel hands core dumps to a program of the host, and can be kept from it. */
  readonly muteCoreHandler: boolean;
  readonly protections: readonly Protection[];
  /** What would make it stronger, and how to get it. */
  readonly advice: readonly string[];
  /** As `findPython` of interpreters.ts, asked once. */
  findPython(version: string | null, python: string | undefined): Promise<Python>;
  nextName(): string;
}

export type SetUp =
  | { readonly available: true; readonly host: Host }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/** Finds the tools, and tries them: the first variant that works is it. */
export async function setUp(options: SubprocessOptions): Promise<SetUp> {
  if (process.platform !== "linux") {
    return { available: false, reason: "it needs Linux", remedy: "Use a runtime with a kernel of its own." };
  }
  const base = await findBase(options);
  const reasons: string[] = [];
  for (const find of variantsFor(options, base)) {
    const variant = await find();
    if (variant === null) continue;
    const host: Host = {
      ...base,
      variant,
      seccompFile: variant.seccomp ? base.seccompFile : null,
      protections: [],
      advice: [],
    };
    const checked = await selfCheck({
      ...host,
      makeEntries: (parts) => makeEntries(parts, host),
      launch: (entries, command) =>
        launchSandbox(entries, command, { limits: DEFAULT_LIMITS, files: [] }, host),
    });
    if (checked.works) {
      const protections = judgeProtections(checked.facts, variant.version, host.cgroups);
      const advice = adviceFor(host, checked.facts);
      return { available: true, host: { ...host, protections, advice } };
    }
    reasons.push(`${variant.version}: ${checked.reason}`);
  }
  return { available: false, ...explainFailure(reasons, options.variant ?? "auto", base.searchPath) };
}

type Base = Omit<Host, "variant" | "protections" | "advice">;

async function findBase(options: SubprocessOptions): Promise<Base> {
  await mkdir(options.stateDirectory, { recursive: true });
  await removeStaleDrafts(options.stateDirectory);
  const searchPath = options.searchPath ?? `${process.env["PATH"] ?? ""}:${USUAL_PATH}`;
  const cgroups = openCgroups();
  await cgroups?.reap(isStaleSandbox);
  const inherited = inheritedDescriptors();
  const shell = shellThatCloses(inherited);
  // Drivers of one process do not get in each other's way.
  const instance = randomBytes(4).readUInt32BE() % 1_000_000;
  const draftName = newDraftName();
  const prefix = sandboxNamePrefix();
  let count = 0;
  return {
    tools: {
      setpriv: findTool("setpriv", searchPath),
      nsenter: findTool("nsenter", searchPath),
      prlimit: findTool("prlimit", searchPath),
      shell,
    },
    inherited,
    cgroups,
    ids: new SandboxIds(),
    stage: new Stage(),
    etcFolder: await makeEtcFolder(options.stateDirectory, draftName),
    sdkFolder: await copySdk(options.sdkFolder, options.stateDirectory, draftName),
    searchPath,
    seccompFile: await writeFilterFile(options.stateDirectory, draftName),
    ulimitProcesses: ulimitProcessesFlag(shell),
    muteCoreHandler: hasCoreHandler() && mayLimitCores() && findAll("prlimit", searchPath).length > 0,
    findPython: rememberPythons(searchPath),
    nextName: () => `${prefix}${instance}${String((count += 1)).padStart(6, "0")}`,
  };
}

function variantsFor(
  { variant = "auto", stateDirectory }: SubprocessOptions,
  { searchPath, tools, ulimitProcesses }: Base,
): readonly (() => Promise<Variant | null>)[] {
  const bubblewrap = (): Promise<Variant | null> => findBubblewrap(searchPath);
  const utilLinux = (): Promise<Variant | null> =>
    findUtilLinux({ searchPath, stateDirectory, shell: tools.shell, ulimitProcesses });
  switch (variant) {
    case "bubblewrap":
      return [bubblewrap];
    case "util-linux":
      return [utilLinux];
    case "auto":
      return [bubblewrap, utilLinux];
  }
}

function findTool(name: string, searchPath: string): string {
  return findAll(name, searchPath)[0] ?? name;
}

/** Shells disagree on the letter: `-u` in bash and busybox, `-p` in dash. */
function ulimitProcessesFlag([shell = "", ...flags]: readonly string[]): "-u" | "-p" {
  try {
    execFileSync(shell, [...flags, "-c", "ulimit -u 1000"], { stdio: "ignore" });
    return "-u";
  } catch {
    return "-p";
  }
}

/** core(5), "Piping core dumps to a program". */
function hasCoreHandler(): boolean {
  try {
    return readFileSync("/proc/sys/kernel/core_pattern", "utf8").startsWith("|");
  } catch {
    return false;
  }
}

/** A hard limit of 0 cannot be raised to 1 again by who may not. */
function mayLimitCores(): boolean {
  const found = /^Max core file size\s+\S+\s+(?<hard>\S+)/mu.exec(readFileSync("/proc/self/limits", "utf8"));
  return found?.groups?.["hard"] !== "0";
}
