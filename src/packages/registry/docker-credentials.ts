import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";

import { codeOf, isObject, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";

export type Credentials =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  /** A refresh token of OAuth 2, which is only for the token server. */
  | { readonly kind: "token"; readonly token: string };

/** What Docker's `config.json` calls Docker Hub. */
const HUB_KEY = "https://index.docker.io/v1/";
const HUB_NAMES = ["docker.io", "index.docker.io"];
/** What a credential helper is waited for: it may ask a person or an agent. */
const HELPER_MS = 60_000;
const HELPER_MOST_BYTES = 64 * 1024;

/**
 * The credentials for one registry, as Docker keeps them: of its credential helper, of the helper for all
 * registries, or in the file itself. Only an entry for exactly this registry counts, port included.
 * @param folder of Docker's `config.json`
 * @param registry as in references: `docker.io`, `localhost:5000`
 * @throws WhiskersError `registry-credentials` when the file or a helper is broken
 */
export async function dockerCredentials(folder: string, registry: string): Promise<Credentials | null> {
  const file = path.join(folder, "config.json");
  const config = await readConfig(file);
  const helper = helperFor(config, registry, file);
  if (helper !== null) {
    const found = await askHelper(helper, HUB_NAMES.includes(registry) ? HUB_KEY : registry);
    if (found !== null) return found;
  }
  const { auths } = config;
  if (!isObject(auths)) return null;
  const key = Object.keys(auths).find((each) => isFor(each, registry));
  return key === undefined ? null : readEntry(auths[key], `${file}: auths[${JSON.stringify(key)}]`);
}

async function readConfig(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const config: unknown = JSON.parse(await readFile(file, "utf8"));
    if (!isObject(config)) throw new Error("no JSON object");
    return config;
  } catch (cause) {
    if (codeOf(cause) === "ENOENT") return {};
    // A message of JSON.parse quotes the text, which holds secrets.
    const why = cause instanceof SyntaxError ? "it is no JSON" : messageOf(cause);
    throw new WhiskersError("registry-credentials", `${file}: ${why}`);
  }
}

function helperFor(config: Readonly<Record<string, unknown>>, registry: string, file: string): string | null {
  const { credHelpers, credsStore } = config;
  const names = HUB_NAMES.includes(registry) ? [HUB_KEY, ...HUB_NAMES] : [registry];
  const own = isObject(credHelpers)
    ? names.map((name) => credHelpers[name]).find((each) => each !== undefined)
    : undefined;
  const name = own ?? credsStore;
  if (typeof name !== "string" || name === "") return null;
  if (!/^[\w.-]+$/u.test(name)) {
    throw new WhiskersError(
      "registry-credentials",
      `${file}: ${JSON.stringify(name)} is no name of a credential helper`,
    );
  }
  return name;
}

/** Docker writes the host, older versions of it an address. */
function isFor(key: string, registry: string): boolean {
  const host = key.replace(/^https?:\/\//u, "").replace(/\/(?:v[12]\/?)?$/u, "");
  return host === registry || (HUB_NAMES.includes(registry) && HUB_NAMES.includes(host));
}

function readEntry(entry: unknown, shownAs: string): Credentials | null {
  if (!isObject(entry)) return null;
  const { identitytoken, auth, username, password } = entry;
  if (typeof identitytoken === "string" && identitytoken !== "")
    return { kind: "token", token: identitytoken };
  if (typeof auth === "string" && auth !== "") {
    const text = Buffer.from(auth, "base64").toString("utf8");
    const colon = text.indexOf(":");
    if (colon < 1)
      throw new WhiskersError("registry-credentials", `${shownAs}.auth is not NAME:PASSWORD in base64`);
    return {
      kind: "password",
      username: text.slice(0, colon),
      password: text.slice(colon + 1).replace(/\0+$/u, ""),
    };
  }
  if (typeof username !== "string" || typeof password !== "string" || username === "") return null;
  return { kind: "password", username, password };
}

/** The protocol of docker-credential-helpers: the server on stdin, JSON on stdout. Null when it knows none. */
async function askHelper(name: string, server: string): Promise<Credentials | null> {
  const program = `docker-credential-${name}`;
  const { status, output } = await runHelper(program, server);
  if (status !== 0) {
    if (/credentials not found/iu.test(output)) return null;
    throw new WhiskersError(
      "registry-credentials",
      `${program} ended with ${String(status)}: ${output.slice(0, 200).trim()}`,
    );
  }
  let answer: unknown;
  try {
    answer = JSON.parse(output);
  } catch {
    answer = null;
  }
  const { Username: username, Secret: secret } = isObject(answer) ? answer : {};
  if (typeof username !== "string" || typeof secret !== "string") {
    throw new WhiskersError(
      "registry-credentials",
      `${program} answered with something that is no credentials`,
    );
  }
  if (secret === "") return null;
  return username === "<token>"
    ? { kind: "token", token: secret }
    : { kind: "password", username, password: secret };
}

async function runHelper(
  program: string,
  server: string,
): Promise<{ readonly status: number | null; readonly output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["get"], {
      stdio: ["pipe", "pipe", "ignore"],
      signal: AbortSignal.timeout(HELPER_MS),
      killSignal: "SIGKILL",
    });
    const chunks: Buffer[] = [];
    let size = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > HELPER_MOST_BYTES) child.kill("SIGKILL");
      else chunks.push(chunk);
    });
    child.once("error", (cause) => {
      reject(
        new WhiskersError("registry-credentials", `${program} cannot be started: ${messageOf(cause)}`, {
          cause,
        }),
      );
    });
    child.once("close", (status) => {
      resolve({ status, output: Buffer.concat(chunks).toString("utf8") });
    });
    // One that ends without reading is told by its status.
    child.stdin.on("error", () => {});
    child.stdin.end(server);
  });
}
