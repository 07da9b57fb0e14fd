import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path/posix";
import { Readable } from "node:stream";

import { isObject, messageOf } from "../../../domain/unknown.ts";
import type { Limits } from "../../../domain/limits.ts";
import { WhiskersError } from "../../../errors.ts";
import type { OpenRequest } from "../../driver.ts";
import { guestCommand } from "../../guest-command.ts";
import { INSIDE } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import { pathsInside } from "../../view/paths-inside.ts";
import { RESERVED_BY_V8_BYTES } from "../../view/view-host.ts";
import type { LaunchCommand } from "../../view/view-host.ts";
import { attachStreams } from "./attach-streams.ts";
import { containerSettings } from "./container-settings.ts";
import { FILES_FOLDER } from "./copied-filesystem.ts";
import { EngineError } from "./engine.ts";
import type { Engine } from "./engine.ts";
import type { Host } from "./host.ts";
import { labelsOf } from "./owner.ts";
import { limitsScript } from "./init.ts";
import { CgroupMeter, StatsMeter, WatchdogMeter } from "./meter.ts";
import type { Meter } from "./meter.ts";
import { findMonitor, untilMonitorEnded } from "./podman-monitor.ts";
import type { Monitor } from "./podman-monitor.ts";
import type { PreparedPackage } from "./prepare.ts";
import { removeContainer } from "./reap.ts";
import { DockerSandbox, stateOf } from "./sandbox.ts";
import { tarOf } from "./tar.ts";

/** @throws WhiskersError `sandbox-failed` */
export async function openSandbox(
  prepared: PreparedPackage,
  request: OpenRequest,
  host: Host,
): Promise<DockerSandbox> {
  const command = guestCommand(prepared.pkg, request.state, pathsInside(prepared), request.limits);
  const reservedBytes = prepared.pkg.manifest.guest.kind === "javascript" ? RESERVED_BY_V8_BYTES : 0;
  return launchSandbox(prepared, { ...command, reservedBytes }, request, host);
}

/** An image, and what of this machine is to be seen in it. */
export interface Filesystem {
  /** Digest of an image that the engine has, as far as we know; `looked`: finds out, and makes it when it is gone. */
  provideImage(looked: boolean): Promise<string>;
  readonly entries: readonly Entry[];
}

/** Starts any command in a container. @throws WhiskersError `sandbox-failed` */
export async function launchSandbox(
  filesystem: Filesystem,
  command: LaunchCommand,
  request: Pick<OpenRequest, "limits" | "files">,
  host: Host,
): Promise<DockerSandbox> {
  const { engine } = host;
  const name = host.nextName();
  const id = host.ids.take();
  const folder = path.join(host.stateDirectory, name);
  let container: string | null = null;
  let monitor: Monitor | null = null;
  const release = async (): Promise<void> => {
    try {
      if (container !== null) await remove(container, host);
      if (monitor !== null) await untilMonitorEnded(monitor);
    } finally {
      if (request.files.length > 0) await rm(folder, { recursive: true, force: true });
      host.ids.release(id);
    }
  };
  try {
    const mounted = host.sharesFiles ? await placeFiles(folder, request.files) : [];
    const sent = host.sharesFiles ? [] : request.files;
    const settings = {
      command,
      entries: [...filesystem.entries, ...mounted],
      volume: sent.length === 0 ? null : FILES_FOLDER,
      limits: request.limits,
      labels: labelsOf(name, host.home),
      id,
      seccomp: host.seccomp,
      runtime: host.runtime,
      isPodman: host.isPodman,
      processors: host.processors,
      limited: host.limits,
      limitsScript: limitsFor(request.limits, command, host),
      ownProcesses: host.ownProcesses,
    };
    container = await create(name, settings, filesystem, host);
    if (sent.length > 0) await sendFiles(engine, container, sent);
    const streams = await attachStreams(engine, container, host.isPodman);
    monitor = host.isPodman ? await findMonitor(engine, container) : null;
    await engine.ask("POST", `/containers/${container}/start`, { timeoutMs: request.limits.startMs });
    return new DockerSandbox({
      id: name,
      runtime: { driver: host.name, version: host.version },
      protections: host.protections,
      engine,
      events: host.events,
      container,
      streams,
      isPodman: host.isPodman,
      meter: await meterOf(container, request.limits, host),
      release,
    });
  } catch (error) {
    await release().catch(() => {});
    const message = `the engine cannot start a container: ${messageOf(error)}`;
    throw new WhiskersError("sandbox-failed", message, { cause: error });
  }
}

/** Limits that the engine does not set. */
function limitsFor(limits: Limits, command: LaunchCommand, host: Host): string {
  const isMemoryLimited = host.limits.has("memory");
  if (!host.isRootlessPodman && isMemoryLimited) return "";
  const dataBytes = isMemoryLimited ? null : limits.memoryBytes + (command.reservedBytes ?? 0);
  return limitsScript(limits, dataBytes);
}

async function meterOf(container: string, { memoryBytes }: Limits, host: Host): Promise<Meter> {
  if (!host.limits.has("memory")) {
    const state = await stateOf(host.engine, container);
    return new WatchdogMeter(Number(state?.["Pid"] ?? 0), memoryBytes);
  }
  const cgroup = host.cgroups?.(container) ?? null;
  return cgroup === null ? new StatsMeter(host.engine, container) : new CgroupMeter(cgroup);
}

/** @throws EngineError it is tried again later */
async function remove(container: string, { engine, leftovers }: Host): Promise<void> {
  try {
    await removeContainer(engine, container);
  } catch (error) {
    leftovers.add(container, { mayCome: false });
    throw error;
  }
}

/** Somebody may have removed the image: it is made again, once. */
async function create(
  name: string,
  settings: Omit<Parameters<typeof containerSettings>[0], "image">,
  filesystem: Filesystem,
  { engine, leftovers }: Host,
): Promise<string> {
  const send = async (looked: boolean): Promise<string> => {
    const image = await filesystem.provideImage(looked);
    const json = containerSettings({ ...settings, image });
    const answer = await engine
      .ask("POST", "/containers/create", { query: { name }, json })
      .catch((error: unknown) => {
        // It did not refuse: it may do it yet.
        if (error instanceof EngineError && error.status === null) leftovers.add(name, { mayCome: true });
        throw error;
      });
    if (!isObject(answer) || typeof answer["Id"] !== "string") throw new Error("it gave no id");
    return answer["Id"];
  };
  try {
    return await send(false);
  } catch (error) {
    if (!(error instanceof EngineError && error.status === 404)) throw error;
    return send(true);
  }
}

/** Into its volume. */
async function sendFiles(engine: Engine, container: string, files: OpenRequest["files"]): Promise<void> {
  const entries = files.map(({ name, content }) => ({
    kind: "file" as const,
    path: path.basename(name),
    mode: 0o444,
    content,
  }));
  const tar = Readable.from(tarOf(entries));
  await engine.ask("PUT", `/containers/${container}/archive`, { query: { path: FILES_FOLDER }, tar });
}

/** On disk, because an engine takes no files for a container whose root is read-only. */
async function placeFiles(folder: string, files: OpenRequest["files"]): Promise<readonly Entry[]> {
  if (files.length === 0) return [];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const entries: Entry[] = [];
  for (const { name, content } of files) {
    const source = path.join(folder, path.basename(name));
    await writeFile(source, content);
    // Whatever the umask.
    await chmod(source, 0o444);
    const target = path.join(INSIDE.files, path.basename(name));
    entries.push({ kind: "read-only", source, target, isFile: true });
  }
  return entries;
}
