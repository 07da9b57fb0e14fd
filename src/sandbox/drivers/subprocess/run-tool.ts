import { randomUUID } from "node:crypto";
import { chmod, chown, copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path/posix";

import { USUAL_PATH } from "../../../domain/usual-path.ts";
import { DEFAULT_LIMITS, type Limits } from "../../../domain/limits.ts";
import { codeOf } from "../../../domain/unknown.ts";
import { WhiskersError } from "../../../errors.ts";
import { toolId } from "./confine.ts";
import type { SubprocessOptions } from "./create-subprocess-driver.ts";
import { ETC_FILES } from "../../view/etc-folder.ts";
import { type Host, setUp } from "./host.ts";
import { makeReachable } from "./make-entries.ts";
import { launchSandbox } from "./open.ts";
import {
  type Entry,
  kernelEntries,
  privateView,
  programEntries,
  readOnly,
  withoutCovered,
} from "../../view/view.ts";

/** A folder or file outside, and where it is seen inside. Absolute. */
export interface Shown {
  readonly source: string;
  readonly target: string;
}

export interface ToolRequest {
  /** Program, looked up on the PATH inside, and its arguments. */
  readonly argv: readonly string[];
  /** All of its environment but PATH. */
  readonly env: Readonly<Record<string, string>>;
  /** A root filesystem in place of this machine's programs and libraries; null: this machine's. */
  readonly root: string | null;
  readonly readable: readonly Shown[];
  /** Folders that it may write to; they become its own. */
  readonly writable: readonly Shown[];
  /** As it sees it; one of `writable`. */
  readonly workingFolder: string;
  readonly timeoutMs: number;
}

export interface ToolResult {
  /** Null: it was ended, by its limits or by a signal. */
  readonly exitCode: number | null;
  /** The last that it printed, on either stream. */
  readonly said: string;
}

const MiB = 1024 * 1024;
const LIMITS: Limits = {
  ...DEFAULT_LIMITS,
  memoryBytes: 2048 * MiB,
  processes: 512,
  openFiles: 4096,
  tmpBytes: 1024 * MiB,
  cpus: 4,
};
const KEPT_CHARS = 64 * 1024;

/**
 * Runs a program of this machine (pip, npm) in a sandbox: the namespaces and limits of a guest, but the network,
 * which is this machine's, and the seccomp filter, which has no `socket`. It sees programs and libraries, what is
 * `readable`, and no home folder.
 */
export class ToolSandbox {
  readonly #options: SubprocessOptions;
  #host: Promise<Host> | null = null;

  constructor(options: SubprocessOptions) {
    this.#options = options;
  }

  /** @throws WhiskersError `runtime-unavailable`, `sandbox-failed`, `cancelled` */
  async run(request: ToolRequest, signal: AbortSignal): Promise<ToolResult> {
    this.#host ??= findHost(this.#options);
    const host = await this.#host;
    const etc = await makeToolEtc(this.#options.stateDirectory, request.root);
    try {
      const id = toolId();
      if (id !== null) for (const { source } of request.writable) await chown(source, id, id);
      const entries = await makeReachable(viewOf(request, etc, host), host);
      const command = { argv: request.argv, env: { HOME: "/tmp", ...request.env, PATH: USUAL_PATH } };
      const tool = { id, workingFolder: request.workingFolder };
      const sandbox = await launchSandbox(entries, command, { limits: LIMITS, files: [], tool }, host);
      return await toEnd(sandbox, request.timeoutMs, signal);
    } finally {
      await rm(etc, { recursive: true, force: true });
    }
  }
}

async function findHost(options: SubprocessOptions): Promise<Host> {
  const found = await setUp(options);
  if (found.available) return found.host;
  throw new WhiskersError("runtime-unavailable", `a sandbox for tools: ${found.reason}. ${found.remedy}`);
}

function viewOf({ root, readable, writable }: ToolRequest, etc: string, host: Host): readonly Entry[] {
  const etcEntries = ETC_FOLDERS.filter((folder) => existsSync(folder)).map((folder) =>
    readOnly(folder, folder),
  );
  return [
    ...privateView(LIMITS),
    ...withoutCovered([
      { kind: "read-only", source: etc, target: "/etc" },
      ...etcEntries,
      ...programEntries(root).filter(({ target }) => target !== "/etc" && !target.startsWith("/etc/")),
      ...kernelEntries(),
      ...readable.map(({ source, target }) => readOnly(source, target)),
      ...writable.map(({ source, target }): Entry => ({ kind: "writable", source, target })),
      ...host.variant.entries,
    ]),
  ];
}

/** What the tools read of /etc beside `ETC_FILES`: certificates, which program is meant, settings of PHP. */
const ETC_FOLDERS = ["/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/alternatives", "/etc/php"];
/** How names are looked up is this machine's matter. */
const NETWORK_FILES = ["resolv.conf", "hosts", "services"];

async function makeToolEtc(stateDirectory: string, root: string | null): Promise<string> {
  const etc = path.join(stateDirectory, `tool-etc-${randomUUID()}`);
  await mkdir(etc, { recursive: true });
  for (const [name, content] of Object.entries(ETC_FILES)) await writeFile(path.join(etc, name), content);
  await writeFile(path.join(etc, "nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
  for (const name of NETWORK_FILES) await copyIfThere(path.join("/etc", name), path.join(etc, name));
  await copyIfThere(`${root ?? ""}/etc/ld.so.cache`, path.join(etc, "ld.so.cache"));
  // Mount points. Whatever the umask, the tool's user reads it all.
  for (const folder of ETC_FOLDERS)
    await mkdir(path.join(etc, path.relative("/etc", folder)), { recursive: true });
  await chmod(etc, 0o755);
  for (const entry of await readdir(etc, { recursive: true, withFileTypes: true })) {
    await chmod(path.join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  }
  return etc;
}

async function copyIfThere(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch((error: unknown) => {
    if (codeOf(error) !== "ENOENT") throw error;
  });
}

async function toEnd(
  sandbox: Awaited<ReturnType<typeof launchSandbox>>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ToolResult> {
  let said = "";
  const kill = (): void => {
    sandbox.signal("kill");
  };
  const timer = setTimeout(kill, timeoutMs);
  signal.addEventListener("abort", kill);
  try {
    for (const stream of [sandbox.output, sandbox.errors]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-KEPT_CHARS);
      });
    }
    sandbox.input.end();
    const { exitCode, outOfMemory, runtimeError } = await sandbox.ended;
    if (signal.aborted) throw new WhiskersError("cancelled", "cancelled");
    if (runtimeError !== null) throw new WhiskersError("sandbox-failed", runtimeError);
    const why = outOfMemory ? `\nit needed more than ${LIMITS.memoryBytes / MiB} MiB of memory` : "";
    return { exitCode: outOfMemory ? null : exitCode, said: said + why };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", kill);
    await sandbox.close();
  }
}
