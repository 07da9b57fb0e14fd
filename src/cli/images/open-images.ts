import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";

import { readImageSettings } from "../../config/image-settings.ts";
import type { Environment } from "../../config/settings.ts";
import { fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { type ImageStore, openImageStore } from "../../packages/images/image-store.ts";
import { openRegistryClient, type RegistryClient } from "../../packages/registry/registry-client.ts";
import { type Admission, openAdmission } from "../../packages/trust/admission.ts";
import type { Context } from "../command.ts";
import { readTrustPolicy } from "../trust/read-trust-policy.ts";

/** The store of images and the client for registries, as the settings want them. */
export interface Images extends AsyncDisposable {
  readonly store: ImageStore;
  readonly client: RegistryClient;
  /** What the trust policy allows. */
  readonly admission: Admission;
}

/** @throws WhiskersError `config-invalid`, `key-unusable`, `store-unusable` */
export async function openImages({ env, settings }: Pick<Context, "env" | "settings">): Promise<Images> {
  const { registryMirrors, insecureRegistries, registryCa } = readImageSettings(env);
  const policy = readTrustPolicy(env);
  const store = await openImageStore(settings().home);
  const client = openRegistryClient({
    mirrors: registryMirrors,
    plainHttp: insecureRegistries,
    certificateAuthority: registryCa === null ? null : await readAuthority(registryCa),
    dockerConfig: dockerConfigOf(env),
    proxy: {
      https: env["HTTPS_PROXY"] ?? env["https_proxy"] ?? null,
      except: env["NO_PROXY"] ?? env["no_proxy"] ?? null,
    },
  });
  return {
    store,
    client,
    admission: openAdmission(policy, store, client),
    async [Symbol.asyncDispose]() {
      store.close();
      await client.close();
    },
  };
}

async function readAuthority(file: string): Promise<string> {
  try {
    const text = await readFile(file, "utf8");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
    throw new Error("it holds no certificate in PEM");
  } catch (cause) {
    throw new WhiskersError("config-invalid", `WHISKERS_REGISTRY_CA is ${file}: ${fileTroubleOf(cause)}`, {
      cause,
    });
  }
}

/** Where Docker's client, and others that follow it, keep credentials. */
function dockerConfigOf(env: Environment): string {
  const own = env["DOCKER_CONFIG"] ?? "";
  return own === "" ? path.join(env["HOME"] ?? homedir(), ".docker") : own;
}
