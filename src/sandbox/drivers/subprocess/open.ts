import { spawn } from "node:child_process";
import type { ChildProcess, StdioOptions } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import path from "node:path/posix";
import type { Writable } from "node:stream";

import { messageOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import type { Cgroup } from "../../cgroup/cgroup.ts";
import type { OpenRequest } from "../../driver.ts";
import { guestCommand } from "../../guest-command.ts";
import type { GuestCommand } from "../../guest-command.ts";
import { confined } from "./confine.ts";
import type { Host } from "./host.ts";
import { FD } from "./launch.ts";
import { CgroupMeter, WatchdogMeter } from "../meter.ts";
import { RESERVED_BY_V8_BYTES } from "../../view/view-host.ts";
import type { LaunchCommand, PreparedView } from "../../view/view-host.ts";
import { SubprocessSandbox } from "./sandbox.ts";
import { INSIDE, withLimits } from "../../view/view.ts";
import type { Entry } from "../../view/view.ts";
import { pathsInside } from "../../view/paths-inside.ts";

/** Of every sandbox besides the guest's own: the program that makes it, its init, and a fork between them. */
const LAUNCHING_PROCESSES = 3;

/** @throws WhiskersError `sandbox-failed` */
export async function openSandbox(
  prepared: PreparedView,
  request: OpenRequest,
  host: Host,
): Promise<SubprocessSandbox> {
  const paths = { ...pathsInside(prepared), phpExtensions: prepared.phpExtensions ?? null };
  const command = guestCommand(prepared.pkg, request.state, paths, request.limits);
  const reservedBytes = prepared.pkg.manifest.guest.kind === "javascript" ? RESERVED_BY_V8_BYTES : 0;
  return launchSandbox(prepared.entries, { ...command, reservedBytes }, request, host);
}

/** A program of ours in a sandbox: it has this machine's network, and no guest's code. */
export interface Tool {
  /** User and group that it is outside; null: ours. */
  readonly id: number | null;
  /** As it sees it. */
  readonly workingFolder: string;
}

/** Starts any command in a sandbox with these entries. */
export async function launchSandbox(
  entries: readonly Entry[],
  command: LaunchCommand,
  request: Pick<OpenRequest, "limits" | "files"> & { readonly tool?: Tool },
  host: Host,
): Promise<SubprocessSandbox> {
  const { limits, files, tool } = request;
  const name = host.nextName();
  const taken = tool === undefined ? host.ids.take() : null;
  const id = tool === undefined ? taken : tool.id;
  let cgroup: Cgroup | null = null;
  try {
    cgroup =
      host.cgroups?.create(name, { ...limits, processes: limits.processes + LAUNCHING_PROCESSES }) ?? null;
    const inside = host.variant.command({
      entries: withLimits(entries, limits),
      placeOf: (source) => host.stage.placeOf(source),
      files: files.map((file) => path.join(INSIDE.files, path.basename(file.name))),
      // Without `socket` in it the filter is of no use to a tool.
      seccomp: host.seccompFile !== null && tool === undefined,
      network: tool !== undefined,
      workingFolder: tool?.workingFolder ?? INSIDE.package,
      argv: command.argv,
      limits,
      limitProcessesInside: id === null && host.cgroups?.controllers.has("pids") !== true,
    });
    const argv = confined(
      {
        enterFiles: cgroup?.enterFiles ?? [],
        limits,
        userProcesses: id === null ? null : limits.processes + LAUNCHING_PROCESSES,
        dataBytes:
          host.cgroups?.controllers.has("memory") === true
            ? null
            : limits.memoryBytes + (command.reservedBytes ?? 0),
        muteCoreHandler: host.muteCoreHandler,
        id,
        staged: host.stage.fd !== null,
        ulimitProcesses: host.ulimitProcesses,
        closes: [FD.stage, ...host.inherited.filter((fd) => fd >= FD.firstFile + files.length)],
      },
      host.tools,
      inside,
    );
    const child = await start(argv, command.env, files, host);
    return new SubprocessSandbox({
      id: name,
      runtime: { driver: "subprocess", version: host.variant.version },
      protections: host.protections,
      child,
      meter: cgroup === null ? new WatchdogMeter(limits.memoryBytes) : new CgroupMeter(cgroup),
      release: async () => {
        await cgroup?.remove();
        host.ids.release(taken);
      },
    });
  } catch (error) {
    await cgroup?.remove();
    host.ids.release(taken);
    throw new WhiskersError("sandbox-failed", `cannot start a sandbox: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function start(
  [program = "", ...args]: readonly string[],
  env: GuestCommand["env"],
  files: OpenRequest["files"],
  host: Host,
): Promise<ChildProcess> {
  // Its own descriptor each time: the reading position must be at the beginning.
  const seccompFd = host.seccompFile === null ? null : openSync(host.seccompFile, "r");
  try {
    const stdio: StdioOptions = [
      ...(["pipe", "pipe", "pipe", "pipe"] as const),
      seccompFd ?? "ignore",
      host.stage.fd ?? "ignore",
      ...files.map(() => "pipe" as const),
    ];
    const child = spawn(program, args, { env, stdio, detached: true, cwd: "/" });
    await once(child, "spawn");
    for (const [index, { content }] of files.entries()) {
      const stream = child.stdio[stdio.length - files.length + index] as Writable;
      stream.on("error", () => {});
      stream.end(content);
    }
    return child;
  } finally {
    if (seccompFd !== null) closeSync(seccompFd);
  }
}
