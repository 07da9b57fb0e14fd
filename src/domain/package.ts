import type { Limits } from "./limits.ts";

/** How the guest of a package is started. Decided from its manifest, independent of any driver. */
export type Guest =
  | {
      readonly kind: "python";
      /** Wanted version, `3.11`; null: any that the environment offers. */
      readonly version: string | null;
      /** Module in the package's folder, dotted. */
      readonly module: string;
      /** Callable in that module. */
      readonly callable: string;
      /** Of OpenKAT's own normalizers: `run(input_ooi, raw)`, with OpenKAT's classes. Absent: `run(meta, raw)`. */
      readonly convention?: "openkat";
    }
  | {
      readonly kind: "javascript";
      /** File in the package's folder, relative, `/` as separator. */
      readonly file: string;
      /** Name of the exported function. */
      readonly export: string;
    }
  | {
      readonly kind: "php";
      /** Wanted version, `8.2`; null: any that the environment offers. */
      readonly version: string | null;
      /** File in the package's folder, relative, `/` as separator. */
      readonly file: string;
      /** Function that the file defines, with its namespace. */
      readonly callable: string;
    }
  | {
      /** A program that speaks the guest protocol by itself: compiled, with an SDK linked into it. */
      readonly kind: "program";
      /** First element is looked up in the package's folder when it contains `/`, else on the PATH. */
      readonly argv: readonly string[];
    }
  | {
      /** A program without an SDK: raw on stdin, JSON or JSON Lines on stdout, exit status 0. */
      readonly kind: "command";
      /** First element is looked up in the package's folder when it contains `/`, else on the PATH. */
      readonly argv: readonly string[];
      /** Base root that it asks for; not given: what the machine has. */
      readonly root?: "plain" | "php";
    }
  | {
      /** A command of WASI preview 1. */
      readonly kind: "wasm";
      /** Module in the package's folder, relative, `/` as separator. */
      readonly file: string;
      readonly args: readonly string[];
      /** It is of the plain form; else it speaks the guest protocol. */
      readonly plain: boolean;
    };

/** Whether it is of the plain form, which runs once per run: protocol/README.md. */
export function isPlain(guest: Guest): boolean {
  return guest.kind === "command" || (guest.kind === "wasm" && guest.plain);
}

/** What happens to the memory of a run when it ends. DESIGN: `fresh` < `fork` < `reuse` in reuse. */
export type StatePolicy = "fresh" | "fork" | "reuse";

export interface Manifest {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly version: string | null;
  readonly consumes: readonly string[];
  readonly produces: readonly string[];
  readonly guest: Guest;
  /** What has to be installed for it; null: nothing. */
  readonly dependencies: Requirements | null;
  /** Overrides of DEFAULT_LIMITS that the package asks for. */
  readonly limits: Partial<Limits>;
  /** Fields of the meta that it is given, as paths: `raw_data.mime_types`. Absent: the whole. */
  readonly reads?: readonly string[];
  /** Its author says that what it gives follows from its code, its raw file and `reads` alone. */
  readonly cache?: true;
  /** Runtime that it asks for where the operator's is weaker, as WHISKERS_RUNTIME names them; null: any. */
  readonly runtime: string | null;
  /** Output schema, `openkat/1`. */
  readonly schema: string;
  readonly onInvalid: "fail" | "skip";
}

/** Names what a package needs, by the lock or requirements file of its ecosystem. */
export interface Requirements {
  readonly ecosystem: "pip" | "npm" | "composer";
  /** Paths in the package, `/` as separator: the lock file, then what it needs beside it. */
  readonly files: readonly [lockFile: string, ...more: string[]];
}

/** A normalizer ready to be run: manifest plus an immutable copy of its folder, named by digest. */
export interface Package {
  readonly manifest: Manifest;
  /** `sha256:<hex>` over the folder's files; rules in `src/packages/digest.ts`. */
  readonly digest: string;
  /** Absolute path of the copy that runs (readable by any user), never the user's own folder. */
  readonly folder: string;
  /** What its `dependencies` name, installed; null: it names none. */
  readonly dependencies: Dependencies | null;
  /** What it runs on; null: what this machine has installed. */
  readonly root: Root | null;
  /**
   * Its guest is ready before its code is loaded, which it does for its first run: the code is put into `folder`
   * when a sandbox is open already. Packages of one folder are then interchangeable, whatever their digests.
   */
  readonly loadsLate?: true;
}

/** Installed dependencies, apart from the code that needs them. */
export interface Dependencies {
  /** `sha256:<hex>` over their files, by the rules of a package's digest. */
  readonly digest: string;
  /** Absolute; holds `python/`, `node_modules/` or `vendor/`. Readable by any user, never written to. */
  readonly folder: string;
}

/** A root filesystem: interpreter, libraries and programs of a package, instead of the machine's own. */
export interface Root {
  /** For people and run records: `python:3.11`, or an image reference. */
  readonly name: string;
  /** `sha256:<hex>`: equal digests, equal content. */
  readonly digest: string;
  /** Absolute path of the unpacked tree; shared read-only, never written to by a run. */
  readonly folder: string;
}
