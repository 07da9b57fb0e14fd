import path from "node:path";

import { WhiskersError } from "../../../errors.ts";
import type { OpenRequest, Prepared, Sandbox } from "../../driver.ts";
import { guestCommand } from "../../guest-command.ts";
import { INSIDE } from "../../view/view.ts";
import type { Host } from "./host.ts";
import type { InstancesProcess } from "./instances-process.ts";
import { WasmSandbox } from "./sandbox.ts";

/** A new instance in this process. @throws WhiskersError `sandbox-failed` */
export function openSandbox(
  { pkg }: Prepared,
  { state, limits, files }: OpenRequest,
  host: Host,
  process: InstancesProcess,
): Sandbox {
  const { guest } = pkg.manifest;
  if (guest.kind !== "wasm") throw new WhiskersError("sandbox-failed", "it runs WebAssembly alone");
  const paths = {
    packageFolder: INSIDE.package,
    sdkFolder: INSIDE.sdk,
    dependenciesFolder: INSIDE.dependencies,
    interpreter: null,
    metaFile: `${INSIDE.files}/meta.json`,
    privateTmp: true,
  };
  const { argv, env } = guestCommand(pkg, state, paths, limits);
  return new WasmSandbox({
    id: host.nextName(),
    version: host.version,
    protections: host.protections,
    process,
    message: {
      args: argv,
      env,
      files: files.map(({ name, content }) => ({
        name: path.basename(name),
        content: Buffer.from(content).toString("base64"),
      })),
    },
    speaksProtocol: !guest.plain,
  });
}
