import { readFile } from "node:fs/promises";

import type { Settings } from "../config/settings.ts";
import { didYouMean } from "../domain/closest.ts";
import type { Limits } from "../domain/limits.ts";
import { parseDurationMs, parseSizeBytes } from "../domain/quantity.ts";
import { fileTroubleOf, isObject } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import type { MetaOverrides } from "../raw/normalizer-meta.ts";
import { parseMeta } from "../raw/raw-meta.ts";
import type { RunOptions } from "../sandbox/sandboxes.ts";
import { textOption, textsOption } from "./arguments.ts";
import { checkObject } from "./check-object.ts";
import type { Arguments } from "./command.ts";

/** Options about how to run, for every command that runs normalizers. */
export const RUN_OPTIONS = {
  runtime: { type: "string" },
  state: { type: "string" },
  timeout: { type: "string" },
  memory: { type: "string" },
} as const;

export const RUN_OPTIONS_HELP = `  --runtime NAME       auto (the first that isolates and works here), strongest, own-kernel, or one that
                       \`whiskers doctor\` lists, also in a certain way: oci:runsc, docker:kata;
                       inline gives no isolation at all and must be asked for by name
  --state POLICY       auto, fresh, fork or reuse: what runs share with each other
  --timeout SECONDS    wall-clock time for one run, 30 or 30s or 2m; default 60
  --memory SIZE        memory for one run, 256M or 1G; default 512M`;

const STATES = ["auto", "fresh", "fork", "reuse"] as const;

/** Timers of Node.js end at 2^31 milliseconds, a little under 25 days; longer ones fire at once. */
const LONGEST_TIMEOUT_MS = 10 * 24 * 3_600_000;

/** As in normalizer.json: no interpreter starts in less, and `64` was meant to be `64M`. */
const LEAST_MEMORY_BYTES = 16 * 2 ** 20;

/** @throws WhiskersError `usage`, `config-invalid` */
export function readRunOptions(args: Arguments, settings: Settings): RunOptions {
  const wallMs = quantity(args, "timeout", timeoutMs, "a time such as 30, 30s or 2m, at most 240h");
  const memoryBytes = quantity(args, "memory", memoryOf, "a size such as 256M, at least 16M");
  const limits: Partial<Limits> = {
    ...(wallMs === undefined ? {} : { wallMs }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
  };
  const state = textOption(args, "state") ?? settings.state;
  const known = STATES.find((each) => each === state);
  if (known === undefined)
    throw wrong("state", state, `one of ${STATES.join(", ")}${didYouMean(state, STATES)}`);
  return {
    runtime: textOption(args, "runtime") ?? settings.runtime,
    runtimes: settings.runtimes,
    state: known,
    limits,
  };
}

/** @throws WhiskersError `usage`, `input-unreadable` */
export async function readMetaOverrides(args: Arguments): Promise<MetaOverrides> {
  const mimeTypes = textsOption(args, "mime");
  const inputOoi = textOption(args, "input-ooi");
  const meta = textOption(args, "meta");
  const bad = mimeTypes?.find((type) => !/^[\u0021-\u007e]{1,64}$/u.test(type));
  if (bad !== undefined)
    throw wrong("mime", bad, "a mime type of at most 64 characters, such as boefje/nmap");
  return {
    ...(mimeTypes === undefined ? {} : { mimeTypes }),
    ...(inputOoi === undefined ? {} : { inputOoi: await readInputOoi(inputOoi) }),
    ...(meta === undefined ? {} : { meta: parseMeta(await readText("--meta", meta), `--meta ${meta}`) }),
  };
}

/** An object as JSON, `@FILE` with one, or just a primary key. */
async function readInputOoi(given: string): Promise<NonNullable<MetaOverrides["inputOoi"]>> {
  const text = given.startsWith("@") ? await readText("--input-ooi", given.slice(1)) : given;
  if (/^[A-Z][A-Za-z0-9]*\|/u.test(text)) {
    return { input: { primary_key: text.trim() }, primaryKey: text.trim() };
  }
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    input = null;
  }
  if (!isObject(input)) {
    throw wrong(
      "input-ooi",
      given,
      "a JSON object, @FILE with one, or a primary key such as Hostname|internet|example.com",
    );
  }
  const ownKey = input["primary_key"];
  const primaryKey = typeof ownKey === "string" ? ownKey : keyOf(input, given);
  return { input: { ...input, primary_key: primaryKey }, primaryKey };
}

/** Of an object as a normalizer gives it. The form that OpenKAT's tasks carry always has its key. */
function keyOf(input: Readonly<Record<string, unknown>>, given: string): string {
  const checked = checkObject(input);
  if ("key" in checked) return checked.key;
  const why = checked.problem.replace(/^: /u, "");
  throw wrong(
    "input-ooi",
    given,
    `an object with a \`primary_key\`, or one whose key can be computed; ${why}`,
  );
}

function memoryOf(text: string): number | null {
  const bytes = parseSizeBytes(text);
  return bytes === null || bytes < LEAST_MEMORY_BYTES ? null : bytes;
}

function timeoutMs(text: string): number | null {
  const ms = parseDurationMs(text);
  return ms === null || ms > LONGEST_TIMEOUT_MS ? null : ms;
}

async function readText(option: string, file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new WhiskersError("input-unreadable", `${option} ${file}: ${fileTroubleOf(cause)}`, { cause });
  }
}

function quantity(
  args: Arguments,
  name: string,
  parse: (text: string) => number | null,
  expected: string,
): number | undefined {
  const text = textOption(args, name);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value === null || value <= 0) throw wrong(name, text, expected);
  return value;
}

function wrong(option: string, value: string, expected: string): WhiskersError {
  return new WhiskersError("usage", `--${option} is ${JSON.stringify(value)}: expected ${expected}`);
}
