import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import path from "node:path";

import type { Protection } from "../../../domain/outcome.ts";
import type { Limits } from "../../../domain/limits.ts";
import type { Sandbox } from "../../driver.ts";
import { INSIDE, readOnly } from "../../view/view.ts";
import { setUp as setUpSubprocess } from "../subprocess/host.ts";
import type { Host as SubprocessHost } from "../subprocess/host.ts";
import { makeEntries } from "../subprocess/make-entries.ts";
import { launchSandbox } from "../subprocess/open.ts";
import { RESERVED_BY_V8_BYTES } from "../../view/view-host.ts";
import { launchBare } from "./launch-bare.ts";
import { copyProcess } from "./process-copy.ts";
import { protectionsOf } from "./protections-of.ts";
import type { WasmOptions } from "./create-wasm-driver.ts";

/** Where the process's program and a package are seen by it. */
export interface ProcessPaths {
  readonly program: string;
  readonly packageFolder: string;
  /** Null: the package has none. */
  readonly dependenciesFolder: string | null;
  /** Null: nothing more is shown. */
  readonly moreFolder: string | null;
}

export interface Shown extends Omit<ProcessPaths, "program" | "moreFolder"> {
  /** One more folder, and where it is seen in a sandbox. */
  readonly more: { readonly folder: string; readonly inside: string } | null;
}

/** Starts one process; `command` is told where things are. */
export type LaunchProcess = (
  shown: Shown,
  limits: Limits,
  command: (paths: ProcessPaths) => readonly string[],
) => Promise<Sandbox>;

/** This machine as far as this driver is concerned, found out once. */
export interface Host {
  /** `V8 13.6 of Node.js 24.1.0, in bubblewrap 0.8.0` */
  readonly version: string;
  readonly protections: readonly Protection[];
  readonly advice: readonly string[];
  readonly launch: LaunchProcess;
  /** Of the process's program: what it made is another one's business. */
  readonly programDigest: string;
  nextName(): string;
}

const NODE = process.execPath;

/** @throws Error the process's program cannot be written */
export async function setUp(options: WasmOptions): Promise<Host> {
  await mkdir(options.stateDirectory, { recursive: true });
  const draftName = `${process.pid}-${randomBytes(4).toString("hex")}`;
  const program = await copyProcess(options.stateDirectory, draftName);
  const programDigest = path.basename(program).replace(/^.*-/u, "");
  const engine = `V8 ${process.versions.v8} of Node.js ${process.versions.node}`;
  let count = 0;
  const nextName = (): string => `whiskers-wasm-${draftName}-${(count += 1)}`;
  const found =
    options.around === "nothing"
      ? ({ available: false, reason: "it was not asked for" } as const)
      : await setUpSubprocess({ ...options, variant: options.around ?? "auto" });
  if (found.available) {
    const { variant, protections, advice } = found.host;
    return {
      version: `${engine}, in ${variant.version}`,
      protections: protectionsOf(protections),
      advice,
      launch: launchInside(program, found.host),
      programDigest,
      nextName,
    };
  }
  return {
    version: engine,
    protections: protectionsOf([]),
    advice: [
      `nothing but WebAssembly and Node.js' permissions is between guests and this machine: no sandbox around its processes, ${found.reason}`,
    ],
    launch: ({ more, ...shown }, limits, command) =>
      launchBare(command({ program, ...shown, moreFolder: more?.folder ?? null }), limits, nextName()),
    programDigest,
    nextName,
  };
}

const PROGRAM_INSIDE = "/whiskers/wasm";

function launchInside(program: string, host: SubprocessHost): LaunchProcess {
  return async ({ packageFolder, dependenciesFolder, more }, limits, command) => {
    const node = `${INSIDE.bin}/node`;
    const entries = await makeEntries(
      {
        etc: host.etcFolder,
        rootFolder: null,
        packageFolder,
        sdkFolder: host.sdkFolder,
        dependenciesFolder,
        needs: [],
        programs: false,
        extra: [
          readOnly(NODE, node),
          readOnly(program, PROGRAM_INSIDE),
          ...(more === null ? [] : [readOnly(more.folder, more.inside)]),
        ],
      },
      host,
    );
    const [, ...rest] = command({
      program: PROGRAM_INSIDE,
      packageFolder: INSIDE.package,
      dependenciesFolder: dependenciesFolder === null ? null : INSIDE.dependencies,
      moreFolder: more?.inside ?? null,
    });
    const launched = { argv: [node, ...rest], env: {}, reservedBytes: RESERVED_BY_V8_BYTES };
    return launchSandbox(entries, launched, { limits, files: [] }, host);
  };
}
