import { availableParallelism } from "node:os";

import { parseDurationMs, parseSizeBytes } from "../domain/quantity.ts";
import { isObject } from "../domain/unknown.ts";
import { WhiskersError } from "../errors.ts";
import { type Environment, readTable, type Setting, type SettingTable } from "./setting.ts";

/** What `whiskers supervise` is told. OpenKAT's own names where it has them. */
export interface SupervisorSettings {
  readonly schedulerApi: string | null;
  readonly bytesApi: string | null;
  readonly bytesUsername: string | null;
  readonly bytesPassword: string | null;
  readonly octopoesApi: string | null;
  /** Highest scan level that a normalizer may declare, by id. */
  readonly scanProfileWhitelist: Readonly<Record<string, number>>;
  /** Longest that an empty scheduler is left alone, milliseconds. */
  readonly pollMs: number;
  readonly requestTimeoutMs: number;
  /** Package folders, or folders of package folders. */
  readonly normalizers: readonly string[];
  /** Null: the embedded database. */
  readonly databaseUrl: string | null;
  readonly slots: number;
  /** Null: no server. */
  readonly operationsPort: number | null;
  readonly operationsHost: string;
  /** Where what runs give goes. */
  readonly sinks: readonly SinkName[];
  /** Of the sink `jsonl`; null: in WHISKERS_HOME. */
  readonly jsonlFolder: string | null;
  /** Keep errors of failed runs in Bytes, as raw files of type `error/normalizer`. */
  readonly errorRaws: boolean;
  /** What one run may give as further raw files: how many, of how many bytes together, how many raw files deep. */
  readonly derivedMaxFiles: number;
  readonly derivedMaxBytes: number;
  readonly derivedMaxDepth: number;
  readonly rawMaxBytes: number;
  /** For one raw file as a whole, milliseconds. */
  readonly rawTimeoutMs: number;
  readonly attempts: number;
  /** How long a delivery is tried again while a service fails, milliseconds. */
  readonly giveUpMs: number;
  readonly drainMs: number;
  /** Tasks that Mula shows as popped for so long and that nobody knows go back; 0: never. Milliseconds. */
  readonly reconcileAfterMs: number;
  /** How long settled tasks and their runs are kept, milliseconds. */
  readonly keepMs: number;
  /** What outputs that are kept for later runs may take in the database, bytes; 0: none is kept. */
  readonly cacheBytes: number;
  /** For how long such an output is kept, milliseconds. */
  readonly cacheMs: number;
  /** A claim that was not renewed for so long is a dead process's, seconds. */
  readonly claimSeconds: number;
  readonly spanEndpoint: string | null;
}

const SINKS = ["octopoes", "bytes", "postgresql", "jsonl"] as const;
export type SinkName = (typeof SINKS)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** Of a worker of OpenKAT's own. */
const POLL_MS = 10_000;

/** The table of the supervisor's settings. `whiskers config` prints it. */
export const SUPERVISOR_SETTINGS: SettingTable<SupervisorSettings> = {
  schedulerApi: url("SCHEDULER_API", "OpenKAT's scheduler (Mula), where tasks come from."),
  bytesApi: url("BYTES_API", "OpenKAT's store of raw files (Bytes)."),
  bytesUsername: text("BYTES_USERNAME", "User name for Bytes."),
  bytesPassword: { ...text("BYTES_PASSWORD", "Password for Bytes."), secret: true },
  octopoesApi: url("OCTOPOES_API", "OpenKAT's object graph (Octopoes), where results go."),
  scanProfileWhitelist: {
    name: "BOEFJES_SCAN_PROFILE_WHITELIST",
    description: "Highest scan level that a normalizer may declare, by its id. Others declare none.",
    expects: 'a JSON object of levels 0 to 4, such as {"kat_external_db_normalize": 3}',
    parse: parseWhitelist,
    otherwise: () => ({}),
  },
  pollMs: {
    name: "BOEFJES_POLL_INTERVAL",
    description: "Longest pause between two looks at an empty scheduler; never more than 0.25 s here.",
    expects: "seconds, above 0",
    parse: (given) => positive(parseDurationMs(given)),
    otherwise: () => POLL_MS,
  },
  requestTimeoutMs: {
    name: "BOEFJES_OUTGOING_REQUEST_TIMEOUT",
    description: "How long Mula, Bytes and Octopoes may take to answer.",
    expects: "seconds, above 0",
    parse: (given) => positive(parseDurationMs(given)),
    otherwise: () => 30_000,
  },
  normalizers: {
    name: "WHISKERS_NORMALIZERS",
    description:
      "The normalizers to run: packages (folders, ZIPs, images), or folders of package folders, separated by commas.",
    expects: "paths, separated by commas",
    parse: (given) => {
      const paths = given.split(",").flatMap((one) => (one.trim() === "" ? [] : [one.trim()]));
      return paths.length === 0 ? undefined : paths;
    },
    otherwise: () => [],
  },
  databaseUrl: {
    name: "DATABASE_URL",
    description: "PostgreSQL (13 or later) for state; unset: an embedded one, for one process.",
    expects: "a URL such as postgresql://user:password@host/database",
    parse: (given) => (/^postgres(?:ql)?:\/\/./u.test(given) && URL.canParse(given) ? given : undefined),
    otherwise: () => null,
    secret: true,
  },
  slots: {
    name: "WHISKERS_SLOTS",
    description: "Runs at once. Default: BOEFJES_POOL_SIZE, else one for each processor, at least 2.",
    expects: "a whole number from 1 to 256",
    parse: (given) => wholeNumber(given, 1, 256),
    otherwise: defaultSlots,
  },
  operationsPort: {
    name: "WHISKERS_OPERATIONS_PORT",
    description: "Port for /health, /ready and /metrics; unset: none. 0: any free one.",
    expects: "a port, 0 to 65535",
    parse: (given) => wholeNumber(given, 0, 65_535),
    otherwise: () => null,
  },
  operationsHost: {
    name: "WHISKERS_OPERATIONS_HOST",
    description: "Address for /health, /ready and /metrics.",
    expects: "a host name or address",
    parse: (given) => (/^[\w.:-]{1,255}$/u.test(given) ? given : undefined),
    otherwise: () => "127.0.0.1",
  },
  sinks: {
    name: "WHISKERS_SINKS",
    description: "Where what runs give goes, separated by commas: any of octopoes, bytes, postgresql, jsonl.",
    expects: `some of ${SINKS.join(", ")}, separated by commas`,
    parse: parseSinks,
    otherwise: () => ["octopoes"],
  },
  jsonlFolder: {
    name: "WHISKERS_JSONL_FOLDER",
    description: "Folder of the sink jsonl; unset: output in WHISKERS_HOME.",
    expects: "a path",
    parse: (given) => given,
    otherwise: () => null,
  },
  errorRaws: {
    name: "WHISKERS_ERROR_RAWS",
    description: "Also keep the error of a failed run in Bytes, as a raw file of type error/normalizer.",
    expects: "true or false",
    parse: parseBoolean,
    otherwise: () => false,
  },
  derivedMaxFiles: {
    name: "WHISKERS_DERIVED_MAX_FILES",
    description: "A run that gives more raw files of its own (derived from its raw file) fails. 0: none may.",
    expects: "a whole number from 0 to 10000",
    parse: (given) => wholeNumber(given, 0, 10_000),
    otherwise: () => 100,
  },
  derivedMaxBytes: {
    name: "WHISKERS_DERIVED_MAX_SIZE",
    description: "A run whose derived raw files are larger, all together, fails.",
    expects: "a size such as 128M",
    parse: (given) => positive(parseSizeBytes(given)),
    otherwise: () => 128 * 1024 ** 2,
  },
  derivedMaxDepth: {
    name: "WHISKERS_DERIVED_MAX_DEPTH",
    description:
      "A run fails that derives raw files from one that is itself so many deep: a derived raw file's task may derive again.",
    expects: "a whole number from 0 (none may) to 100",
    parse: (given) => wholeNumber(given, 0, 100),
    otherwise: () => 3,
  },
  rawMaxBytes: {
    name: "WHISKERS_RAW_MAX_SIZE",
    description: "A raw file that is larger fails its task.",
    expects: "a size such as 256M",
    parse: (given) => positive(parseSizeBytes(given)),
    otherwise: () => 1024 ** 3,
  },
  rawTimeoutMs: duration(
    "WHISKERS_RAW_TIMEOUT",
    "Longest that fetching one raw file may take.",
    2 * MINUTE_MS,
  ),
  attempts: {
    name: "WHISKERS_ATTEMPTS",
    description: "How often a task is begun that ends its process, or that the platform fails.",
    expects: "a whole number from 1 to 100",
    parse: (given) => wholeNumber(given, 1, 100),
    otherwise: () => 3,
  },
  giveUpMs: duration("WHISKERS_GIVE_UP", "How long to go on while a service fails, for each task.", DAY_MS),
  drainMs: duration("WHISKERS_DRAIN", "After SIGTERM, how long runs may take to end.", 30_000),
  reconcileAfterMs: {
    name: "WHISKERS_RECONCILE_AFTER",
    description:
      "Tasks of our normalizers that were popped so long ago and that no ledger knows go back to the queue. " +
      "0: never; needed where other workers pop the same normalizers' tasks.",
    expects: "a time such as 2m, or 0",
    parse: (given) => parseDurationMs(given) ?? undefined,
    otherwise: () => 2 * MINUTE_MS,
  },
  keepMs: duration("WHISKERS_KEEP", "How long settled tasks and their runs are kept.", 30 * DAY_MS),
  cacheBytes: {
    name: "WHISKERS_CACHE_SIZE",
    description: "What kept outputs of normalizers with `cache` may take in the database. 0: all are run.",
    expects: "a size such as 1G, or 0",
    parse: (given) => parseSizeBytes(given) ?? undefined,
    otherwise: () => 0,
  },
  cacheMs: duration("WHISKERS_CACHE_AGE", "For how long such an output is used.", DAY_MS),
  claimSeconds: {
    name: "WHISKERS_CLAIM_SECONDS",
    description: "A task whose process gave no sign for so long is taken over by another.",
    expects: "a whole number from 10 to 3600",
    parse: (given) => wholeNumber(given, 10, 3600),
    otherwise: () => 30,
  },
  spanEndpoint: url("SPAN_EXPORT_GRPC_ENDPOINT", "OpenTelemetry collector for traces."),
};

/** @throws WhiskersError `config-invalid`, naming the variable, its value (unless secret) and what it may be */
export function readSupervisorSettings(env: Environment): SupervisorSettings {
  return readTable(SUPERVISOR_SETTINGS, env);
}

/** What is needed to work for an OpenKAT. */
export interface OpenKatSettings {
  readonly schedulerApi: string;
  readonly bytesApi: string;
  readonly bytesUsername: string;
  readonly bytesPassword: string;
  /** Null: nothing is sent there. */
  readonly octopoesApi: string | null;
}

/**
 * All or none: null when none of them is set, and the supervisor works the standalone queue only. Without the sink
 * `octopoes`, OCTOPOES_API is not needed.
 * @throws WhiskersError `config-invalid`, naming what is missing
 */
export function openKatSettings(settings: SupervisorSettings): OpenKatSettings | null {
  const { schedulerApi, bytesApi, bytesUsername, bytesPassword, octopoesApi } = settings;
  const given = { schedulerApi, bytesApi, bytesUsername, bytesPassword, octopoesApi };
  const keys = Object.keys(given) as (keyof typeof given)[];
  if (keys.every((key) => given[key] === null)) return null;
  const toOctopoes = settings.sinks.includes("octopoes");
  const missing = keys.filter((key) => given[key] === null && (key !== "octopoesApi" || toOctopoes));
  if (missing.length === 0) {
    return { ...given, octopoesApi: toOctopoes ? octopoesApi : null } as OpenKatSettings;
  }
  const names = missing.map((key) => SUPERVISOR_SETTINGS[key].name).join(", ");
  throw new WhiskersError("config-invalid", `${names} must be set, as the other settings of OpenKAT are`);
}

function url(name: string, description: string): Setting<string | null> {
  return {
    name,
    description,
    expects: "a URL such as http://scheduler:8000",
    parse: (given) => (/^https?:\/\/./u.test(given) && URL.canParse(given) ? given : undefined),
    otherwise: () => null,
  };
}

function text(name: string, description: string): Setting<string | null> {
  return { name, description, expects: "a text", parse: (given) => given, otherwise: () => null };
}

function duration(name: string, description: string, defaultMs: number): Setting<number> {
  return {
    name,
    description,
    expects: "a time such as 30s, 5m or 24h",
    parse: (given) => positive(parseDurationMs(given)),
    otherwise: () => defaultMs,
  };
}

function positive(value: number | null): number | undefined {
  return value === null || value <= 0 ? undefined : value;
}

function wholeNumber(given: string, least: number, most: number): number | undefined {
  const value = /^\d{1,9}$/u.test(given) ? Number(given) : Number.NaN;
  return value >= least && value <= most ? value : undefined;
}

/** As pydantic reads them, for OpenKAT's settings are read so. */
function parseBoolean(given: string): boolean | undefined {
  if (/^(?:1|true|t|yes|y|on)$/iu.test(given)) return true;
  return /^(?:0|false|f|no|n|off)$/iu.test(given) ? false : undefined;
}

function parseSinks(given: string): readonly SinkName[] | undefined {
  const names = given.split(",").map((name) => name.trim());
  const isSink = (name: string): name is SinkName => (SINKS as readonly string[]).includes(name);
  return names.every(isSink) ? [...new Set(names)] : undefined;
}

function parseWhitelist(given: string): Readonly<Record<string, number>> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(given);
  } catch {
    return undefined;
  }
  if (!isObject(value)) return undefined;
  const isLevel = (level: unknown): level is number =>
    typeof level === "number" && Number.isInteger(level) && level >= 0 && level <= 4;
  return Object.values(value).every(isLevel) ? (value as Readonly<Record<string, number>>) : undefined;
}

function defaultSlots(env: Environment): number {
  const poolSize = wholeNumber(env["BOEFJES_POOL_SIZE"] ?? "", 1, 256);
  return poolSize ?? Math.max(2, availableParallelism());
}
