import { homedir } from "node:os";
import path from "node:path";

import { didYouMean } from "../domain/closest.ts";
import { isRuntimeName } from "../domain/runtime-name.ts";
import { WhiskersError } from "../errors.ts";
import { type Environment, readTable, type SettingTable } from "./setting.ts";
import { IMAGE_SETTINGS } from "./image-settings.ts";
import { SUPERVISOR_SETTINGS } from "./supervisor-settings.ts";

export type { Environment } from "./setting.ts";

/** The settings of every command, read once from the environment and then passed down. */
export interface Settings {
  /** Where state is kept: packages, caches, the embedded database. Absolute. */
  readonly home: string;
  /** Name of a runtime, or `auto`. */
  readonly runtime: string;
  /** The same for certain normalizers, by id. */
  readonly runtimes: Readonly<Record<string, string>>;
  readonly state: "auto" | "fresh" | "fork" | "reuse";
  /** Which tools make the sandbox of the `subprocess` runtime. */
  readonly subprocess: "auto" | "bubblewrap" | "util-linux";
  /** Name or path of the OCI runtime of the `oci` runtime, or `auto`. */
  readonly ociRuntime: string;
  /** Whether packages run on the base root of their environment: `whiskers root`. */
  readonly roots: "auto" | "machine" | "required";
  /** Where the engine of the `docker` runtime listens, `unix:///...`; null: the usual places. */
  readonly dockerHost: string | null;
  /** Which runtime of the engine's makes its containers; null: the engine's default. */
  readonly dockerRuntime: string | null;
  /** Kernel of the `microvm` runtime's machines; null: the newest cloud kernel that is installed. Absolute. */
  readonly microvmKernel: string | null;
  /** What runs the `microvm` runtime's machines; `auto`: Firecracker where it works, else QEMU. */
  readonly microvmMonitor: "auto" | "firecracker" | "qemu" | "qemu-kvm";
  /** Firecracker's program; null: the first on the PATH. Absolute. */
  readonly firecracker: string | null;
  /** The Python for packages that want no certain version; null: the first on the PATH. Absolute. */
  readonly python: string | null;
}

const SUBPROCESS_TOOLS = ["auto", "bubblewrap", "util-linux"] as const;
const MONITORS = ["auto", "firecracker", "qemu", "qemu-kvm"] as const;
const ROOTS = ["auto", "machine", "required"] as const;
const STATES = ["auto", "fresh", "fork", "reuse"] as const;

/** The table of settings. `whiskers config` prints it, those for images, and those of the supervisor. */
export const SETTINGS: SettingTable<Settings> = {
  home: {
    name: "WHISKERS_HOME",
    description: "Folder for state on disk: copies of packages, caches, the embedded database.",
    expects: "an absolute path",
    parse: (text) => (path.isAbsolute(text) ? path.normalize(text) : undefined),
    otherwise: defaultHome,
  },
  runtime: {
    name: "WHISKERS_RUNTIME",
    description:
      "Runtime for normalizers; auto is the first that isolates and works here, own-kernel the first with a kernel of its own, strongest that one if there is one.",
    expects:
      "the name of a runtime (see `whiskers doctor`) such as oci or oci:runsc, auto, strongest or own-kernel",
    parse: (text) => (isRuntimeName(text) ? text : undefined),
    otherwise: () => "auto",
  },
  runtimes: {
    name: "WHISKERS_RUNTIMES",
    description:
      "Runtimes of certain normalizers, whatever WHISKERS_RUNTIME and their manifests say: ID=RUNTIME, by commas.",
    expects: "ID=RUNTIME[,ID=RUNTIME...], such as dns=oci:runsc",
    parse: parseRuntimes,
    otherwise: () => ({}),
  },
  state: {
    name: "WHISKERS_STATE",
    description:
      "What runs share: fresh nothing, fork a loaded process, reuse one process; auto the strongest warm one.",
    expects: STATES.join(", "),
    parse: (text) => STATES.find((state) => state === text),
    otherwise: () => "auto",
  },
  subprocess: {
    name: "WHISKERS_SUBPROCESS",
    description: "Tools that make the sandbox of the subprocess runtime; auto is bubblewrap when it works.",
    expects: SUBPROCESS_TOOLS.join(", "),
    parse: (text) => SUBPROCESS_TOOLS.find((tools) => tools === text),
    otherwise: () => "auto",
  },
  ociRuntime: {
    name: "WHISKERS_OCI_RUNTIME",
    description:
      "Program of the oci runtime; auto is the strongest that works: kata-runtime, runsc, crun, runc.",
    expects: "a name such as runc or runsc, or an absolute path",
    parse: (text) => (/^(?:\/[^\0]+|[a-z][a-z0-9.-]{0,63})$/u.test(text) ? text : undefined),
    otherwise: () => "auto",
  },
  roots: {
    name: "WHISKERS_ROOTS",
    description:
      "Base root that a normalizer's environment names: auto uses it when `whiskers root make` made it, machine never does, required demands it.",
    expects: ROOTS.join(", "),
    parse: (text) => ROOTS.find((roots) => roots === text),
    otherwise: () => "auto",
  },
  dockerHost: {
    name: "WHISKERS_DOCKER_HOST",
    description:
      "Where the engine of the docker runtime listens; not set: DOCKER_HOST, else the usual sockets of Docker and Podman.",
    expects: "unix:// and an absolute path",
    parse: (text) => (isUnixAddress(text) ? text : undefined),
    // Not checked: it may be there for others, and only who uses the runtime is to hear of it.
    otherwise: (env) => env["DOCKER_HOST"] || null,
  },
  dockerRuntime: {
    name: "WHISKERS_DOCKER_RUNTIME",
    description:
      "Runtime of the engine's for its containers, such as runsc or kata; not set: the engine's default.",
    expects: "the name of a runtime in the engine's configuration",
    parse: (text) => (/^[\w.-]{1,64}$/u.test(text) ? text : undefined),
    otherwise: () => null,
  },
  microvmKernel: {
    name: "WHISKERS_MICROVM_KERNEL",
    description:
      "Kernel of the microvm runtime's machines, with its modules in ../lib/modules or /lib/modules; not set: the newest cloud kernel in /boot.",
    expects: "an absolute path",
    parse: (text) => (path.isAbsolute(text) ? path.normalize(text) : undefined),
    otherwise: () => null,
  },
  microvmMonitor: {
    name: "WHISKERS_MICROVM_MONITOR",
    description:
      "What runs the microvm runtime's machines; auto is Firecracker where one boots with it, else QEMU; qemu-kvm never emulates.",
    expects: MONITORS.join(", "),
    parse: (text) => MONITORS.find((monitor) => monitor === text),
    otherwise: () => "auto",
  },
  firecracker: {
    name: "WHISKERS_FIRECRACKER",
    description:
      "Firecracker for the microvm runtime, with its jailer beside it; not set: the first on the PATH.",
    expects: "an absolute path",
    parse: (text) => (path.isAbsolute(text) ? path.normalize(text) : undefined),
    otherwise: () => null,
  },
  python: {
    name: "WHISKERS_PYTHON",
    description: "The Python for packages that want no certain version; not set: the first on the PATH.",
    expects: "an absolute path",
    parse: (text) => (path.isAbsolute(text) ? path.normalize(text) : undefined),
    otherwise: () => null,
  },
};

/**
 * Reads the settings of every command. A variable that begins with WHISKERS_ and is no setting is refused:
 * it is a typing error more often than not.
 * @throws WhiskersError `config-invalid`, naming the variable, its value and what it may be
 */
export function readSettings(env: Environment): Settings {
  const names = [
    ...Object.values(SETTINGS),
    ...Object.values(IMAGE_SETTINGS),
    ...Object.values(SUPERVISOR_SETTINGS),
  ].map(({ name }) => name);
  for (const name of Object.keys(env)) {
    if (name.startsWith("WHISKERS_") && !names.includes(name) && !NOT_OURS.test(name)) {
      throw new WhiskersError("config-invalid", `there is no setting ${name}${didYouMean(name, names)}`);
    }
  }
  return readTable(SETTINGS, env);
}

function parseRuntimes(text: string): Readonly<Record<string, string>> | undefined {
  const runtimes: Record<string, string> = {};
  for (const pair of text.split(",")) {
    const [id = "", runtime = "", ...more] = pair.trim().split("=");
    if (!NORMALIZER_ID.test(id) || !isRuntimeName(runtime) || more.length > 0) return undefined;
    runtimes[id] = runtime;
  }
  return runtimes;
}

/** As docs/manifest.md has it. */
const NORMALIZER_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/u;

function isUnixAddress(text: string): boolean {
  const file = text.startsWith("unix://") ? text.slice("unix://".length) : "";
  // sockaddr_un(7)
  return path.isAbsolute(file) && Buffer.byteLength(file) < 108;
}

/** Variables of the developers' tools and of tests. */
const NOT_OURS = /^WHISKERS_(?:DEV|TEST|BENCH)_/u;

/** As the XDG Base Directory Specification has it for state. */
function defaultHome(env: Environment): string {
  const state = env["XDG_STATE_HOME"];
  const base = state !== undefined && path.isAbsolute(state) ? state : path.join(homedir(), ".local/state");
  return path.join(base, "whiskers");
}
