import { isObject } from "../../domain/unknown.ts";
import { didYouMean } from "../../domain/closest.ts";
import { WhiskersError } from "../../errors.ts";
import { formatReference, type Reference } from "../images/reference.ts";
import { type PublicKey, readPublicKey } from "./public-key.ts";

/**
 * What may run on this machine, by where it comes from. protocol/schemas/trust-policy.json is the same as a JSON
 * Schema.
 */
export interface TrustPolicy {
  /** As errors call it: its file. */
  readonly name: string;
  /** Packages in folders, ZIPs, image layouts and archives on this machine. */
  readonly local: "allow" | "refuse";
  /** The first that matches an image counts; an image that none matches is refused. */
  readonly images: readonly ImageRule[];
}

export interface ImageRule {
  /** Of `REGISTRY/REPOSITORY`: `*` stands for anything but a `/`, `**` for anything. */
  readonly match: string;
  /** Who may have signed; none: the rule allows what is not signed. */
  readonly keys: readonly PublicKey[];
  /** How many of the keys must have signed. */
  readonly threshold: number;
  /** Only references with a digest. */
  readonly digestOnly: boolean;
}

const MOST_RULES = 1000;
const MOST_KEYS = 100;
const TOP_KEYS = ["$schema", "local", "images"] as const;
const RULE_KEYS = ["match", "keys", "threshold", "unsigned", "digestOnly"] as const;
/** Registry, repository and patterns for both; the last part may be left to `*`. */
const MATCH = /^[a-zA-Z0-9._:[\]*-]+(?:\/[a-z0-9._*-]+)+$/u;

/**
 * Reads a policy. What is not understood is refused: it may have been meant to forbid something.
 * @param readKey gives the PEM of a key's file
 * @throws WhiskersError `config-invalid`, `key-unusable`
 */
export function parsePolicy(text: string, name: string, readKey: (file: string) => string): TrustPolicy {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (cause) {
    throw invalid(name, "it is no JSON", cause);
  }
  if (!isObject(document)) throw invalid(name, "it is no JSON object");
  requireKnown(document, TOP_KEYS, name);
  const { local, images, $schema } = document;
  if ($schema !== undefined && typeof $schema !== "string") throw invalid(name, "$schema is no text");
  if (local !== "allow" && local !== "refuse") throw wrong(name, "local", local, '"allow" or "refuse"');
  if (!Array.isArray(images) || images.length > MOST_RULES) {
    throw wrong(name, "images", images, `a list of at most ${MOST_RULES} rules`);
  }
  const rules = images.map((rule: unknown, index) => parseRule(rule, `${name}: images[${index}]`, readKey));
  return { name, local, images: rules };
}

function parseRule(rule: unknown, where: string, readKey: (file: string) => string): ImageRule {
  if (!isObject(rule)) throw invalid(where, "it is no JSON object");
  requireKnown(rule, RULE_KEYS, where);
  const { match, keys, threshold = 1, unsigned, digestOnly = false } = rule;
  if (typeof match !== "string" || match.length > 512 || !MATCH.test(match)) {
    throw wrong(where, "match", match, 'REGISTRY/REPOSITORY, such as "registry.example/team/*"');
  }
  if (typeof digestOnly !== "boolean") throw wrong(where, "digestOnly", digestOnly, "true or false");
  if (unsigned !== undefined) {
    if (unsigned !== "allow") throw wrong(where, "unsigned", unsigned, '"allow"');
    if ("keys" in rule || "threshold" in rule) {
      throw invalid(where, 'it has both "unsigned" and keys: which of the two is meant?');
    }
    return { match, keys: [], threshold: 0, digestOnly };
  }
  const read = parseKeys(keys, where, readKey);
  if (
    typeof threshold !== "number" ||
    !Number.isInteger(threshold) ||
    threshold < 1 ||
    threshold > read.length
  ) {
    throw wrong(
      where,
      "threshold",
      threshold,
      `a whole number from 1 to the number of its keys, ${read.length}`,
    );
  }
  return { match, keys: read, threshold, digestOnly };
}

function parseKeys(keys: unknown, where: string, readKey: (file: string) => string): readonly PublicKey[] {
  const isUsable =
    Array.isArray(keys) &&
    keys.length > 0 &&
    keys.length <= MOST_KEYS &&
    keys.every((key) => typeof key === "string" && key !== "");
  if (!isUsable) {
    throw wrong(where, "keys", keys, 'a list of files with public keys (or "unsigned": "allow" instead)');
  }
  const read = (keys as readonly string[]).map((file) => readPublicKey(readKey(file), file));
  // One who signed must not count as two.
  if (new Set(read.map(({ id }) => id)).size === read.length) return read;
  throw invalid(where, "keys holds one key twice");
}

/** The rule for an image; null: there is none. */
export function ruleFor({ images }: TrustPolicy, reference: Reference): ImageRule | null {
  const name = formatReference({ ...reference, tag: null, digest: null });
  return images.find(({ match }) => patternOf(match).test(name)) ?? null;
}

function patternOf(match: string): RegExp {
  const pattern = match
    .split(/(?<star>\*+)/u)
    .map((part) =>
      part === "*" ? "[^/]*" : /^\*+$/u.test(part) ? ".*" : part.replaceAll(/[.[\]-]/gu, String.raw`\$&`),
    )
    .join("");
  return new RegExp(`^${pattern}$`, "u");
}

function requireKnown(
  value: Readonly<Record<string, unknown>>,
  known: readonly string[],
  where: string,
): void {
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw invalid(where, `there is no ${JSON.stringify(unknown)}${didYouMean(unknown, known)}`);
  }
}

function wrong(where: string, key: string, value: unknown, expected: string): WhiskersError {
  const shown = value === undefined ? "missing" : (JSON.stringify(value) ?? "").slice(0, 100);
  return invalid(where, `${key} is ${shown}: expected ${expected}`);
}

function invalid(where: string, why: string, cause?: unknown): WhiskersError {
  return new WhiskersError("config-invalid", `WHISKERS_TRUST_POLICY: ${where}: ${why}`, { cause });
}
