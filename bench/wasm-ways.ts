import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

import type { MoreWays } from "../src/bench/every-way.ts";
import { sandboxWay } from "../src/bench/sandbox-ways.ts";
import type { StatePolicy } from "../src/domain/package.ts";
import type { Driver } from "../src/sandbox/driver.ts";
import { compileBenchPackages } from "./compile-bench-packages.ts";

/** The normalizers of `whiskers new` that can be compiled to WebAssembly here, fresh and warm. */
export function wasmWays(driver: Driver, version: string, home: string): MoreWays {
  return async function wasm(subject) {
    const folder = await mkdtemp(path.join(tmpdir(), "whiskers-bench-wasm-"));
    try {
      const { packages, missing } = await compileBenchPackages(folder, home);
      const ways = [...packages].flatMap(([language, pkg]) =>
        statesOf(language).map((state) => {
          const name = { runtime: `${driver.name} (${language})`, how: state, language: "wasm" } as const;
          return sandboxWay(driver, version, { name, pkg, state }, subject);
        }),
      );
      const leftOut = Object.entries(missing).map(([language, reason]) => ({
        runtime: `${driver.name} (${language})`,
        reason,
      }));
      return { ways, leftOut };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** Ruby is never used again. */
function statesOf(language: string): readonly StatePolicy[] {
  return language === "ruby" ? ["fresh"] : ["fresh", "reuse"];
}
