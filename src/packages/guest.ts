import { posix } from "node:path";

import { didYouMean } from "../domain/closest.ts";
import type { Guest } from "../domain/package.ts";
import type { Complaint } from "./manifest-error.ts";

const ENVIRONMENTS = [
  "python",
  "node",
  "javascript",
  "typescript",
  "php",
  "program",
  "command",
  "none",
  "plain",
  "wasm",
] as const;

/** Module of OpenKAT's own normalizers, and the function in it. */
const OPENKAT_ENTRYPOINT = "normalize:run";

const IDENTIFIER = String.raw`[\p{L}_][\p{L}\p{N}_]*`;
const PYTHON_ENTRYPOINT = new RegExp(
  `^(?<module>${IDENTIFIER}(?:\\.${IDENTIFIER})*)(?::(?<callable>${IDENTIFIER}))?$`,
  "u",
);
const JAVASCRIPT_ENTRYPOINT =
  /^(?<file>[^:\u0000-\u001f]{1,255}\.(?:ts|mts|cts|js|mjs|cjs))(?::(?<export>[\p{L}_$][\p{L}\p{N}_$]*))?$/u;
const PHP_ENTRYPOINT =
  /^(?<file>[^:\u0000-\u001f]{1,255}\.php)(?::(?<callable>\\?[A-Za-z_]\w*(?:\\[A-Za-z_]\w*)*))?$/u;
const EXPECTED = '"python", "python:3.11", "node", "php", "wasm", "program" or "command"';

/** Whether a normalizer.json is one of OpenKAT's own, which says nothing of how it is run. */
export function isOpenKatManifest(json: Readonly<Record<string, unknown>>): boolean {
  return json["environment"] === undefined && json["entrypoint"] === undefined;
}

/** `environment`, `entrypoint` and `convention` of normalizer.json: how the guest is started. */
export function parseGuest(json: Readonly<Record<string, unknown>>, complain: Complaint): Guest {
  const { environment, entrypoint, convention } = json;
  if (convention !== undefined && convention !== "openkat") {
    throw complain("convention", convention, '"openkat", or nothing for run(meta, raw)');
  }
  if (convention === "openkat" || isOpenKatManifest(json)) {
    return openKatGuest(environment ?? "python", entrypoint ?? OPENKAT_ENTRYPOINT, complain);
  }
  if (environment === undefined && Array.isArray(entrypoint)) return commandGuest(entrypoint, complain);
  if (typeof environment !== "string") {
    throw complain("environment", environment, EXPECTED);
  }
  const [name = "", ...versions] = environment.split(":");
  const version = versions.length === 0 ? null : versions.join(":");
  if (version !== null && name !== "python" && name !== "php") {
    throw complain("environment", environment, `${JSON.stringify(name)} without a version`);
  }
  switch (name) {
    case "python":
      return pythonGuest(environment, version, entrypoint, complain);
    case "node":
    case "javascript":
    case "typescript":
      return javascriptGuest(entrypoint, complain);
    case "php":
      // A list is a program of the plain form, on the base root of that name.
      return Array.isArray(entrypoint) && version === null
        ? { ...commandGuest(entrypoint, complain), root: name }
        : phpGuest(environment, version, entrypoint, complain);
    case "program":
      return { kind: "program", argv: programArguments(entrypoint, complain) };
    case "command":
    case "none":
      return commandGuest(entrypoint, complain);
    case "plain":
      return { ...commandGuest(entrypoint, complain), root: name };
    case "wasm":
      return wasmGuest(entrypoint, complain);
    default:
      throw complain("environment", environment, `${EXPECTED}${didYouMean(name, ENVIRONMENTS)}`);
  }
}

function openKatGuest(environment: unknown, entrypoint: unknown, complain: Complaint): Guest {
  const found = /^python(?::(?<version>.*))?$/su.exec(typeof environment === "string" ? environment : "");
  if (typeof environment !== "string" || found === null) {
    throw complain("environment", environment, '"python" or "python:3.11" for a normalizer of OpenKAT\'s');
  }
  const guest = pythonGuest(environment, found.groups?.["version"] ?? null, entrypoint, complain);
  return { ...guest, convention: "openkat" };
}

function pythonGuest(
  environment: string,
  version: string | null,
  entrypoint: unknown,
  complain: Complaint,
): Guest & { readonly kind: "python" } {
  if (version !== null && !/^3\.(?:[89]|[1-9]\d)$/u.test(version)) {
    throw complain("environment", environment, 'a version of Python from 3.8 on, as "python:3.11"');
  }
  const found = typeof entrypoint === "string" ? PYTHON_ENTRYPOINT.exec(entrypoint)?.groups : undefined;
  // "normalize.py" would be taken for the module `py` in the package `normalize`.
  if (found === undefined || found["module"]?.endsWith(".py") === true) {
    throw complain(
      "entrypoint",
      entrypoint,
      '"module:function", such as "normalize:run" for run() in normalize.py',
    );
  }
  return {
    kind: "python",
    version,
    module: found["module"] ?? "",
    callable: found["callable"] ?? "run",
  };
}

function javascriptGuest(entrypoint: unknown, complain: Complaint): Guest {
  const found = typeof entrypoint === "string" ? JAVASCRIPT_ENTRYPOINT.exec(entrypoint)?.groups : undefined;
  const file = posix.normalize(found?.["file"] ?? "");
  if (found === undefined || file.startsWith("../") || posix.isAbsolute(file)) {
    throw complain(
      "entrypoint",
      entrypoint,
      '"file:function" with a file of this folder that ends in .ts, .mts, .cts, .js, .mjs or .cjs, such as "normalize.ts:run"',
    );
  }
  return { kind: "javascript", file, export: found["export"] ?? "run" };
}

function phpGuest(
  environment: string,
  version: string | null,
  entrypoint: unknown,
  complain: Complaint,
): Guest {
  if (version !== null && !/^(?:7\.4|[89]\.\d)$/u.test(version)) {
    throw complain("environment", environment, 'a version of PHP from 7.4 on, as "php:8.2"');
  }
  const found = typeof entrypoint === "string" ? PHP_ENTRYPOINT.exec(entrypoint)?.groups : undefined;
  const file = posix.normalize(found?.["file"] ?? "");
  if (found === undefined || file.startsWith("../") || posix.isAbsolute(file)) {
    throw complain(
      "entrypoint",
      entrypoint,
      '"file:function" with a file of this folder that ends in .php, such as "normalize.php:run"',
    );
  }
  return { kind: "php", version, file, callable: found["callable"] ?? "run" };
}

/** As for PHP: a list is a program of the plain form. */
function wasmGuest(entrypoint: unknown, complain: Complaint): Guest {
  const [module, ...args] = Array.isArray(entrypoint) ? programArguments(entrypoint, complain) : [entrypoint];
  const file = posix.normalize(typeof module === "string" ? module : "");
  if (!/^[^\u0000-\u001f]{1,255}\.wasm$/u.test(file) || file.startsWith("../") || posix.isAbsolute(file)) {
    throw complain(
      "entrypoint",
      entrypoint,
      'a module of this folder that ends in .wasm, such as "normalizer.wasm", or a list of it and its arguments for a program of the plain form',
    );
  }
  return { kind: "wasm", file, args: args as readonly string[], plain: Array.isArray(entrypoint) };
}

function commandGuest(entrypoint: unknown, complain: Complaint): Guest & { readonly kind: "command" } {
  return { kind: "command", argv: programArguments(entrypoint, complain) };
}

function programArguments(entrypoint: unknown, complain: Complaint): readonly string[] {
  const expected = 'a list of a program and its arguments, such as ["jq", "-c", "."]';
  if (!Array.isArray(entrypoint) || entrypoint.length === 0 || entrypoint.length > 256) {
    throw complain("entrypoint", entrypoint, expected);
  }
  const argv = entrypoint.map((entry: unknown, index) => {
    if (typeof entry !== "string" || entry.length > 65_536 || entry.includes("\0")) {
      throw complain(`entrypoint[${index}]`, entry, expected);
    }
    return entry;
  });
  const program = argv[0] ?? "";
  if (program === "") throw complain("entrypoint[0]", program, expected);
  if (program.includes("/") && (posix.isAbsolute(program) || posix.normalize(program).startsWith("../"))) {
    throw complain(
      "entrypoint[0]",
      program,
      "a program of this folder, or a name that is looked up on the PATH",
    );
  }
  return argv;
}
