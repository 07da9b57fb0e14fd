import { randomBytes } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import path from "node:path/posix";

import { USUAL_PATH } from "../../../domain/usual-path.ts";
import type { Protection } from "../../../domain/outcome.ts";
import { isObject } from "../../../domain/unknown.ts";
import type { ContainerCgroups } from "../../cgroup/find-container-cgroups.ts";
import { sandboxNamePrefix } from "../../cgroup/owner.ts";
import type { Python } from "../../interpreters.ts";
import { containerFilter } from "../../seccomp/container-filter.ts";
import { newDraftName, removeStaleDrafts } from "../../view/drafts.ts";
import { makeEtcFolder } from "../../view/etc-folder.ts";
import { copySdk } from "../../view/sdk-copy.ts";
import { rememberPythons } from "../../view/remember-pythons.ts";
import type { DockerOptions } from "./create-docker-driver.ts";
import { Engine, EngineError } from "./engine.ts";
import { EngineEvents } from "./engine-events.ts";
import { askPodman, limitsOfDocker } from "./engine-limits.ts";
import type { EngineLimit } from "./engine-limits.ts";
import { EngineImages } from "./engine-images.ts";
import { findSocket } from "./find-socket.ts";
import { explainEngineFailure } from "./explain-failure.ts";
import { INIT_MODES, INIT_PROCESSES } from "./init.ts";
import { judgeProtections } from "./judge-protections.ts";
import { Leftovers } from "./leftovers.ts";
import { LABEL, ownerLabels } from "./owner.ts";
import { reap } from "./reap.ts";
import { SandboxIds } from "./sandbox-ids.ts";
import { selfCheck } from "./self-check.ts";
import type { Facts } from "./self-check.ts";

/** An engine as far as sandboxes are concerned, found out once. */
export interface Host {
  readonly name: string;
  readonly engine: Engine;
  readonly events: EngineEvents;
  readonly isPodman: boolean;
  /** Podman of an ordinary user. */
  readonly isRootlessPodman: boolean;
  readonly limits: ReadonlySet<EngineLimit>;
  /** Of the engine's machine; Infinity: it does not say. */
  readonly processors: number;
  /** `Docker 20.10.24 with runc`. */
  readonly version: string;
  /** Of the engine; null: its default. */
  readonly runtime: string | null;
  /** It sees this machine's files, so that folders can be mounted; else all that guests see is sent to it, as images. */
  readonly sharesFiles: boolean;
  /** Of an engine that does not. */
  readonly images: EngineImages;
  /** Null: the engine is not on this machine, or hidden from us. */
  readonly cgroups: ContainerCgroups | null;
  /** Of INIT_MODES: the one that this runtime can start. */
  readonly initMode: number;
  /** Guests have one of their own: gVisor's, or a machine's. */
  readonly ownKernel: boolean;
  /** The runtime's own threads and the init count against the limit of processes. */
  readonly ownProcesses: number;
  readonly ids: SandboxIds;
  /** Of this process, what could not be removed. */
  readonly leftovers: Leftovers;
  readonly stateDirectory: string;
  /** As labels say whose a container is. */
  readonly home: string;
  /** Of `makeEtcFolder`. */
  readonly etcFolder: string;
  /** Of `copySdk`. */
  readonly sdkFolder: string;
  readonly searchPath: string;
  readonly seccomp: string | null;
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

/** Docker's engine knows at once what it is. Podman runs half a dozen programs to say it: ten seconds on a busy machine. */
const HELLO_TIMEOUT_MS = 20_000;
/** Threads of a kernel of its own, and what it has for every thread of the guest. */
const OWN_KERNEL_PROCESSES = 4096;

/** Finds the engine, removes what dead processes left in it, and tries it. */
export async function setUp(options: DockerOptions): Promise<SetUp> {
  const socket = findSocket(options.host ?? null, process.env);
  if (socket === null) {
    return {
      available: false,
      reason: `the engine's address is ${options.host}, and only Unix sockets can be used`,
      remedy:
        "Set WHISKERS_DOCKER_HOST to unix:///PATH; a socket of another machine can be forwarded by ssh -L.",
    };
  }
  const engine = new Engine(socket);
  try {
    const found = await examine(engine, options);
    if (found.available) return found;
    await engine.close();
    return found;
  } catch (error) {
    await engine.close();
    if (!(error instanceof EngineError)) throw error;
    return { available: false, ...explainEngineFailure(error, engine.socketPath) };
  }
}

async function examine(engine: Engine, options: DockerOptions): Promise<SetUp> {
  const about = await describeEngine(engine, options.runtime ?? null);
  if ("reason" in about) return { available: false, ...about };
  await mkdir(options.stateDirectory, { recursive: true });
  const stuck = await reap(engine, options.stateDirectory);
  await removeStaleDrafts(options.stateDirectory);
  const base = await baseOf(engine, about, options);
  let reason = "";
  for (const { sharesFiles, mode: initMode, needsOwnKernel } of WAYS) {
    if (!sharesFiles && !FILES_UNSEEN.test(reason)) break;
    const host = withFiles({ ...base, initMode }, sharesFiles);
    const checked = await selfCheck(host);
    if (checked.works && !(needsOwnKernel && checked.facts.sharesKernel)) {
      if (!sharesFiles) await host.images.reap();
      const found = hostOf(checked.facts, host, about);
      return { available: true, host: { ...found, advice: [...found.advice, ...stuck] } };
    }
    if (!checked.works) reason ||= checked.reason;
  }
  return { available: false, reason: `${about.version}: ${reason}`, remedy: "See docs/runtimes/docker.md." };
}

/** Docker's words, Podman's, Docker Desktop's, and ours. */
const FILES_UNSEEN =
  /source path does not exist|no such file or directory|mounts denied|does not see its files/iu;
/** As most engines are, first. */
const WAYS = [true, false].flatMap((sharesFiles) => INIT_MODES.map((mode) => ({ sharesFiles, ...mode })));

/** Podman wants the filter as a file, which it then does not see either. */
function withFiles(host: Host, sharesFiles: boolean): Host {
  return { ...host, sharesFiles, seccomp: host.isPodman && !sharesFiles ? null : host.seccomp };
}

function hostOf(facts: Facts, base: Host, about: About): Host {
  const ownProcesses = facts.sharesKernel ? INIT_PROCESSES : OWN_KERNEL_PROCESSES;
  const host = { ...base, ownKernel: !facts.sharesKernel, ownProcesses, cgroups: facts.cgroups };
  return { ...host, ...judgeProtections(facts, host, about) };
}

/** What an engine says of itself. */
export interface About {
  readonly isPodman: boolean;
  readonly isRootlessPodman: boolean;
  readonly version: string;
  /** It, or everything that it runs, is in a user namespace. */
  readonly inUserNamespace: boolean;
  readonly runtimes: readonly string[];
  readonly runtime: string;
  readonly cgroup: string;
  readonly hasSeccomp: boolean;
  readonly limits: ReadonlySet<EngineLimit>;
  readonly processors: number;
  readonly warnings: readonly string[];
  /** Which engine it is. */
  readonly id: string;
}

async function describeEngine(
  engine: Engine,
  runtime: string | null,
): Promise<About | { readonly reason: string; readonly remedy: string }> {
  const ask = async (what: string): Promise<Readonly<Record<string, unknown>>> =>
    record(await engine.ask("GET", what, { timeoutMs: HELLO_TIMEOUT_MS }));
  const [version, info] = await Promise.all([ask("/version"), ask("/info")]);
  const components = list(version["Components"]).map(record);
  const isPodman = components.some(({ Name: name }) => String(name).startsWith("Podman"));
  const podman = isPodman ? await askPodman(engine, HELLO_TIMEOUT_MS) : null;
  const runtimes = Object.keys(record(info["Runtimes"]));
  const used = runtime ?? textOr(info["DefaultRuntime"], "its own runtime");
  // A shim of containerd's is found by its name; an engine before 23 says that it does not do so.
  const isShim = runtime?.startsWith("io.containerd.") === true;
  if (runtime !== null && !isPodman && !isShim && !runtimes.includes(runtime)) {
    return {
      reason: `the engine has no runtime ${runtime}; it has ${runtimes.join(", ")}`,
      remedy: `Add it to \`runtimes\` in the engine's daemon.json, or choose one that it has: WHISKERS_DOCKER_RUNTIME.`,
    };
  }
  const security = list(info["SecurityOptions"]).map(String);
  return {
    isPodman,
    isRootlessPodman: podman?.isRootless === true,
    version: `${isPodman ? "Podman" : "Docker"} ${String(version["Version"])} with ${used}`,
    inUserNamespace:
      podman?.isRootless === true || security.some((one) => /name=(?:rootless|userns)\b/u.test(one)),
    runtimes,
    runtime: used,
    cgroup: `cgroup v${textOr(info["CgroupVersion"], "1")}`,
    hasSeccomp: security.some((one) => one.startsWith("name=seccomp")),
    limits: podman?.limits ?? limitsOfDocker(info),
    processors: Number(info["NCPU"] ?? 0) || Infinity,
    warnings: list(info["Warnings"]).map(String),
    id: `${textOr(info["ID"], "")} ${engine.socketPath}`,
  };
}

async function baseOf(engine: Engine, about: About, options: DockerOptions): Promise<Host> {
  const { stateDirectory } = options;
  // Drivers of one process do not get in each other's way.
  const instance = randomBytes(4).readUInt32BE() % 1_000_000;
  const prefix = sandboxNamePrefix();
  const searchPath = options.searchPath ?? `${process.env["PATH"] ?? ""}:${USUAL_PATH}`;
  let count = 0;
  const nextName = (): string => `${prefix}${instance}${String((count += 1)).padStart(6, "0")}`;
  return {
    name: "docker",
    engine,
    events: new EngineEvents(engine, ownerLabels(stateDirectory)[LABEL.owner] ?? ""),
    isPodman: about.isPodman,
    isRootlessPodman: about.isRootlessPodman,
    limits: about.limits,
    processors: about.processors,
    version: about.version,
    runtime: options.runtime ?? null,
    cgroups: null,
    initMode: INIT_MODES[0].mode,
    ownKernel: false,
    ownProcesses: OWN_KERNEL_PROCESSES,
    ids: new SandboxIds(about.inUserNamespace),
    leftovers: new Leftovers(engine),
    stateDirectory,
    home: stateDirectory,
    etcFolder: await makeEtcFolder(stateDirectory, newDraftName()),
    sdkFolder: await copySdk(options.sdkFolder, stateDirectory, newDraftName()),
    searchPath,
    seccomp: await seccompProfile(about, stateDirectory, newDraftName()),
    protections: [],
    advice: [],
    findPython: rememberPythons(searchPath),
    sharesFiles: true,
    images: new EngineImages({ engine, stateDirectory, engineId: about.id, nextName }),
    nextName,
  };
}

/** Null: none for this processor, or an engine that cannot load one. */
async function seccompProfile(
  { hasSeccomp, isPodman }: About,
  stateDirectory: string,
  draftName: string,
): Promise<string | null> {
  if (!hasSeccomp || (process.arch !== "x64" && process.arch !== "arm64")) return null;
  const profile = JSON.stringify(containerFilter(process.arch));
  if (!isPodman) return profile;
  // Podman wants the name of a file of its machine.
  const file = path.join(stateDirectory, "seccomp.json");
  await writeFile(`${file}.${draftName}`, profile);
  await rename(`${file}.${draftName}`, file);
  return file;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return isObject(value) ? value : {};
}

function textOr(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
