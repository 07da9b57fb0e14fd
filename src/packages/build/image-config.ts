import path from "node:path/posix";

import { USUAL_PATH } from "../../domain/usual-path.ts";
import type { Guest, Package } from "../../domain/package.ts";
import { thisPlatform } from "../images/manifest.ts";
import { MANIFEST_LABEL } from "./annotations.ts";
import type { BaseLayers } from "./base.ts";
import type { BuiltLayer } from "./build-image.ts";

/** Where things lie in an image: the same places as in every sandbox. */
const INSIDE = {
  package: "/whiskers/package",
  dependencies: "/whiskers/dependencies",
  sdk: "/whiskers/sdk",
} as const;

/** There is no time in it that would make two builds differ. */
const NO_TIME = "1970-01-01T00:00:00Z";

interface Parts {
  readonly pkg: Package;
  readonly manifestText: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly below: BaseLayers;
  readonly layers: readonly BuiltLayer[];
}

/** An image's config. `docker run -i IMAGE < raw` runs the normalizer by the plain form. */
export function imageConfig({ pkg, manifestText, annotations, below, layers }: Parts): object {
  const { os, architecture, variant } = thisPlatform();
  return {
    created: NO_TIME,
    architecture,
    os,
    ...(variant === undefined ? {} : { variant }),
    config: {
      User: "1000:1000",
      Env: environmentOf(pkg, below.environment),
      Entrypoint: entrypointOf(pkg.manifest.guest),
      WorkingDir: INSIDE.package,
      Labels: { ...annotations, [MANIFEST_LABEL]: manifestText },
    },
    rootfs: { type: "layers", diff_ids: layers.map(({ layer }) => layer.diffId) },
    history: layers.map(({ what }) => ({ created: NO_TIME, created_by: `whiskers build: ${what}` })),
  };
}

/** As in a sandbox: what a PHP normalizer prints goes to standard error. */
const MOVED_STREAMS = ["/bin/sh", "-c", 'exec "$@" 3<&0 4>&1 </dev/null >&2', "sh"];
const PHP = ["php", "-d", "display_errors=stderr", "-d", "serialize_precision=-1", "-d", "date.timezone=UTC"];

/** As guest-command.ts starts it in a sandbox, but by the plain form. A `program` speaks the guest protocol, and nothing else. */
function entrypointOf(guest: Guest): readonly string[] {
  switch (guest.kind) {
    case "python":
      return ["python3", "-S", "-s", path.join(INSIDE.sdk, "python/plain.py")];
    case "javascript":
      return ["node", "--no-warnings", path.join(INSIDE.sdk, "typescript/plain.ts")];
    case "php":
      return [...MOVED_STREAMS, ...PHP, path.join(INSIDE.sdk, "php/plain.php")];
    case "program":
    case "command": {
      const [program = "", ...args] = guest.argv;
      return [program.includes("/") ? path.resolve(INSIDE.package, program) : program, ...args];
    }
    case "wasm":
      // As runtimes of containers that run WebAssembly want it.
      return [path.join(INSIDE.package, guest.file), ...guest.args];
  }
}

function environmentOf(
  { manifest: { guest }, dependencies }: Package,
  base: readonly string[],
): readonly string[] {
  const own: Readonly<Record<string, string>> = {
    HOME: "/tmp",
    TMPDIR: "/tmp",
    LANG: "C.UTF-8",
    WHISKERS_PACKAGE: INSIDE.package,
    ...(guest.kind === "python"
      ? {
          WHISKERS_ENTRYPOINT: `${guest.module}:${guest.callable}`,
          ...(guest.convention === undefined ? {} : { WHISKERS_CONVENTION: guest.convention }),
          PYTHONDONTWRITEBYTECODE: "1",
          PYTHONHASHSEED: "0",
          PYTHONUTF8: "1",
        }
      : {}),
    ...(guest.kind === "javascript" ? { WHISKERS_ENTRYPOINT: `${guest.file}:${guest.export}` } : {}),
    ...(guest.kind === "php" ? { WHISKERS_ENTRYPOINT: `${guest.file}:${guest.callable}` } : {}),
    ...(dependencies === null ? {} : { WHISKERS_DEPENDENCIES: INSIDE.dependencies }),
    ...(dependencies !== null && guest.kind === "command"
      ? {
          PYTHONPATH: path.join(INSIDE.dependencies, "python"),
          NODE_PATH: path.join(INSIDE.dependencies, "node_modules"),
        }
      : {}),
  };
  const kept = base.filter((entry) => !((entry.split("=", 1)[0] ?? "") in own));
  const search = kept.some((entry) => entry.startsWith("PATH=")) ? [] : [`PATH=${USUAL_PATH}`];
  return [...search, ...kept, ...Object.entries(own).map(([name, value]) => `${name}=${value}`)];
}
