import { execFile } from "node:child_process";
import { promisify } from "node:util";

import { isObject, messageOf } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { findAll } from "./interpreters.ts";

/** A PHP of this machine. */
export interface Php {
  /** Absolute. */
  readonly executable: string;
  /** `8.2.29` */
  readonly version: string;
  /** Extensions that its .ini files load, in their order: a sandbox does not see those files. */
  readonly extensions: readonly string[];
}

const DESCRIBE_TIMEOUT_MS = 10_000;

/** Zend extensions are for developers: debuggers, profilers, and a cache that a command line does not use. */
const DESCRIBE = String.raw`
$extensions = [];
$files = preg_split('/,\s*/', trim((string) php_ini_scanned_files()), -1, PREG_SPLIT_NO_EMPTY);
foreach (array_filter(array_merge([php_ini_loaded_file()], $files)) as $file) {
    preg_match_all('/^\s*extension\s*=\s*"?([^";\s]+)/m', (string) file_get_contents($file), $found);
    array_push($extensions, ...$found[1]);
}
echo json_encode(["version" => PHP_VERSION, "extensions" => array_values(array_unique($extensions))]);
`;

/**
 * The first PHP in the folders of `searchPath` with the wanted version (`8.2`; null: any from 7.4 on).
 * @throws WhiskersError `environment-missing`, saying what was looked for and where
 */
export async function findPhp(version: string | null, searchPath: string): Promise<Php> {
  const names = version === null ? ["php"] : [`php${version}`, "php"];
  const seen: string[] = [];
  for (const candidate of names.flatMap((name) => findAll(name, searchPath))) {
    try {
      const php = await describePhp(candidate);
      if (isWanted(php.version, version)) return php;
      seen.push(`${candidate} is ${php.version}`);
    } catch (error) {
      seen.push(`${candidate} does not work: ${messageOf(error).split("\n", 1)[0]}`);
    }
  }
  const wanted = version === null ? "PHP 7.4 or later" : `PHP ${version}`;
  const found = seen.length === 0 ? "nothing was found" : seen.join("; ");
  throw new WhiskersError(
    "environment-missing",
    `no ${wanted}: looked for ${names.join(", ")} in ${searchPath}; ${found}`,
  );
}

async function describePhp(executable: string): Promise<Php> {
  const { stdout } = await promisify(execFile)(executable, ["-d", "display_errors=stderr", "-r", DESCRIBE], {
    timeout: DESCRIBE_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const answer: unknown = JSON.parse(stdout);
  if (!isObject(answer) || typeof answer["version"] !== "string" || !Array.isArray(answer["extensions"])) {
    throw new Error("it gave no description of itself");
  }
  return { executable, version: answer["version"], extensions: answer["extensions"].map(String) };
}

function isWanted(found: string, wanted: string | null): boolean {
  const [major = 0, minor = 0] = found.split(".").map(Number);
  return wanted === null ? major > 7 || (major === 7 && minor >= 4) : wanted === `${major}.${minor}`;
}
