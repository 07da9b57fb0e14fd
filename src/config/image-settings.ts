import path from "node:path";

import { parseDurationMs, parseSizeBytes } from "../domain/quantity.ts";
import { type Environment, readTable, type SettingTable } from "./setting.ts";

/** Where images come from, and how much of them is kept. */
export interface ImageSettings {
  /** Hosts that are asked before a registry, by its name. */
  readonly registryMirrors: Readonly<Record<string, readonly string[]>>;
  /** Hosts that may be talked to without TLS, beside loopback. */
  readonly insecureRegistries: readonly string[];
  /** File of certificates, trusted beside the usual ones; null: none. Absolute. */
  readonly registryCa: string | null;
  /** File of the trust policy; null: everything may be run. Absolute. */
  readonly trustPolicy: string | null;
  /** What the store of images may take, before `gc` removes what nothing needs. */
  readonly imagesMaxBytes: number;
  /** How long what nothing needs is kept after its last use. */
  readonly imagesMaxAgeMs: number;
}

const DAY_MS = 24 * 3_600_000;
const HOST = /^(?:[a-zA-Z0-9][a-zA-Z0-9.-]{0,253}|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/u;

/** The table of settings for images. `whiskers config` prints it. */
export const IMAGE_SETTINGS: SettingTable<ImageSettings> = {
  registryMirrors: {
    name: "WHISKERS_REGISTRY_MIRRORS",
    description:
      "Where images are looked for before their own registry; the same name again: another mirror.",
    expects: "REGISTRY=HOST[:PORT], several separated by commas",
    parse: parseMirrors,
    otherwise: () => ({}),
  },
  insecureRegistries: {
    name: "WHISKERS_INSECURE_REGISTRIES",
    description:
      "Registries, mirrors and token servers that may be talked to without TLS; loopback always may.",
    expects: "HOST[:PORT], several separated by commas",
    parse: (given) => {
      const hosts = list(given);
      return hosts.length > 0 && hosts.every((host) => HOST.test(host)) ? hosts : undefined;
    },
    otherwise: () => [],
  },
  registryCa: {
    name: "WHISKERS_REGISTRY_CA",
    description:
      "File with certificates (PEM) that registries are checked with, beside the usual authorities.",
    expects: "an absolute path",
    parse: (given) => (path.isAbsolute(given) ? given : undefined),
    otherwise: () => null,
  },
  trustPolicy: {
    name: "WHISKERS_TRUST_POLICY",
    description:
      "File (JSON) that says which packages may run: from where, signed by whom. Not set: every package may.",
    expects: "an absolute path",
    parse: (given) => (path.isAbsolute(given) ? given : undefined),
    otherwise: () => null,
  },
  imagesMaxBytes: {
    name: "WHISKERS_IMAGES_MAX_SIZE",
    description: "Size of the store of images from which on `gc` removes what nothing needs.",
    expects: "a size such as 20G",
    parse: (given) => parseSizeBytes(given) ?? undefined,
    otherwise: () => 20 * 2 ** 30,
  },
  imagesMaxAgeMs: {
    name: "WHISKERS_IMAGES_MAX_AGE",
    description: "How long `gc` keeps what nothing needs, from its last use on: it may save work.",
    expects: "a time such as 24h",
    parse: (given) => parseDurationMs(given) ?? undefined,
    otherwise: () => 14 * DAY_MS,
  },
};

/** @throws WhiskersError `config-invalid`, naming the variable, its value and what it may be */
export function readImageSettings(env: Environment): ImageSettings {
  return readTable(IMAGE_SETTINGS, env);
}

function parseMirrors(given: string): ImageSettings["registryMirrors"] | undefined {
  const mirrors: Record<string, readonly string[]> = {};
  for (const pair of list(given)) {
    const [registry = "", host = "", ...more] = pair.split("=").map((part) => part.trim());
    if (!HOST.test(registry) || !HOST.test(host) || more.length > 0) return undefined;
    mirrors[registry] = [...(mirrors[registry] ?? []), host];
  }
  return Object.keys(mirrors).length === 0 ? undefined : mirrors;
}

function list(given: string): readonly string[] {
  return given
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}
