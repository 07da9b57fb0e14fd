import { readFileSync, statSync } from "node:fs";
import path from "node:path";

import { readImageSettings } from "../../config/image-settings.ts";
import type { Environment } from "../../config/settings.ts";
import { fileTroubleOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";
import { parsePolicy, type TrustPolicy } from "../../packages/trust/policy.ts";

const MOST_BYTES = 2 ** 20;

/**
 * The trust policy of this machine; null: it has none. Read once, when a command begins.
 * @throws WhiskersError `config-invalid`, `key-unusable`: whoever set one must not run without
 */
export function readTrustPolicy(env: Environment): TrustPolicy | null {
  const { trustPolicy: file } = readImageSettings(env);
  if (file === null) return null;
  const folder = path.dirname(file);
  return parsePolicy(readText(file, "config-invalid"), file, (key) =>
    readText(path.resolve(folder, key), "key-unusable"),
  );
}

function readText(file: string, code: "config-invalid" | "key-unusable"): string {
  const shown = code === "config-invalid" ? `WHISKERS_TRUST_POLICY is ${file}` : file;
  try {
    if (statSync(file).size > MOST_BYTES) throw new Error(`it is longer than ${MOST_BYTES} bytes`);
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new WhiskersError(code, `${shown}: ${fileTroubleOf(cause)}`, { cause });
  }
}
