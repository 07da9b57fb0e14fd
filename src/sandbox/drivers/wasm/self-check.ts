import { writeFile } from "node:fs/promises";
import path from "node:path";

import { DEFAULT_LIMITS } from "../../../domain/limits.ts";
import type { Ending } from "../../driver.ts";
import { makeFolder } from "../../view/make-folder.ts";
import type { Host } from "./host.ts";
import { InstancesProcess } from "./instances-process.ts";

/** (module (memory (export "memory") 1) (func (export "_start"))) */
const MODULE = Buffer.from(
  "0061736d01000000010401600000030201000503010001071302066d656d6f72790200065f737461727400000a040102000b",
  "hex",
);

/** Runs an instance of the least module that there is. @throws Error it cannot be run here, with the reason */
export async function selfCheck(host: Host, stateDirectory: string): Promise<void> {
  const folder = path.join(stateDirectory, "wasm-check");
  await makeFolder(folder);
  await writeFile(path.join(folder, "check.wasm"), MODULE);
  const pkg = { folder, dependencies: null };
  const process = await InstancesProcess.start(
    host,
    pkg,
    { file: "check.wasm", component: null },
    DEFAULT_LIMITS,
    () => {},
  );
  try {
    process.reserve();
    const ending = await new Promise<Ending>((resolve) => {
      const nothing = (): void => {};
      const ignored = {
        onOutput: nothing,
        onErrors: nothing,
        onTaken: nothing,
        onUsage: nothing,
        onTrouble: nothing,
      };
      process.open({ args: [], env: {}, files: [] }, { ...ignored, onEnded: resolve });
    });
    if (ending.exitCode !== 0)
      throw new Error(ending.runtimeError ?? "a module that does nothing did not end well");
  } finally {
    await process.close();
  }
}
