import { existsSync } from "node:fs";
import path from "node:path";

import type { Shown } from "./tools.ts";

/** What pip, npm and composer are told of where packages come from, and nothing else of their user's. */
export interface ClientConfiguration {
  readonly env: Readonly<Record<string, string>>;
  /** Files and folders that the variables name, seen at the same place. */
  readonly readable: readonly Shown[];
  /** Configuration files, and their names in the private home folder. Their content may be secret. */
  readonly homeFiles: readonly { readonly source: string; readonly name: string }[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const PIP = [
  "INDEX_URL",
  "EXTRA_INDEX_URL",
  "NO_INDEX",
  "FIND_LINKS",
  "TRUSTED_HOST",
  "CERT",
  "CLIENT_CERT",
  "PROXY",
  "DEFAULT_TIMEOUT",
  "TIMEOUT",
  "RETRIES",
].map((name) => `PIP_${name}`);
/** npm takes its settings in lower and upper case. Names with a colon are those of a scope or a registry. */
const NPM =
  /^npm_config_(?:registry|cafile|ca|strict_ssl|proxy|https_proxy|noproxy|fetch_[a-z_]+|@[^:]+:registry|\/\/.+)$/iu;
const COMMON = [
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "NODE_EXTRA_CA_CERTS",
  "COMPOSER_AUTH",
  "COMPOSER_CAFILE",
];
const NAMES = new Set([...PIP, ...COMMON]);

/** Where this configuration is seen in the sandbox. */
export const HOME_INSIDE = "/whiskers/home";

/** Reads it from where the clients read it themselves: these variables and files are passed, no others. */
export function clientConfiguration(env: Environment): ClientConfiguration {
  const passed = Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && (NAMES.has(entry[0]) || NPM.test(entry[0])),
    ),
  );
  const named = Object.values(passed).flatMap((value) => value.split(/[\s:]/u));
  const readable = named
    .filter((file) => path.isAbsolute(file) && file !== "/" && existsSync(file))
    .map((file) => ({ source: path.resolve(file), target: path.resolve(file) }));
  const home = env["HOME"] ?? "/nonexistent";
  const files = [
    { name: ".pip/pip.conf", places: [path.join(home, ".pip/pip.conf"), "/etc/pip.conf"] },
    { name: ".config/pip/pip.conf", places: [path.join(home, ".config/pip/pip.conf")] },
    { name: "pip.conf", places: [env["PIP_CONFIG_FILE"]] },
    { name: ".npmrc", places: [env["npm_config_userconfig"], path.join(home, ".npmrc")] },
    {
      name: "npmrc",
      places: [env["npm_config_globalconfig"], "/usr/local/etc/npmrc", "/usr/etc/npmrc", "/etc/npmrc"],
    },
    {
      name: ".config/composer/auth.json",
      places: [env["COMPOSER_HOME"], path.join(home, ".config/composer")].map(
        (folder) => folder && path.join(folder, "auth.json"),
      ),
    },
  ];
  const homeFiles = files.flatMap(({ name, places }) => {
    const source = places.find((file) => file !== undefined && file !== "" && existsSync(file));
    return source === undefined ? [] : [{ source, name }];
  });
  const has = (name: string): boolean => homeFiles.some((file) => file.name === name);
  return {
    env: {
      ...passed,
      HOME: HOME_INSIDE,
      ...(has("pip.conf") ? { PIP_CONFIG_FILE: `${HOME_INSIDE}/pip.conf` } : {}),
      npm_config_userconfig: `${HOME_INSIDE}/.npmrc`,
      npm_config_globalconfig: `${HOME_INSIDE}/npmrc`,
    },
    readable,
    homeFiles,
  };
}
