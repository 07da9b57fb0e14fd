import { WhiskersError } from "../../errors.ts";
import { isDigest } from "./descriptor.ts";

/** Where an image is, as Docker understands it. One of `tag` and `digest` is there, or both. */
export interface Reference {
  /** Host, with a port when one was given: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string;
  /** `library/debian`. */
  readonly repository: string;
  readonly tag: string | null;
  /** Wins over the tag: what it names does not change. */
  readonly digest: string | null;
}

const DEFAULT_REGISTRY = "docker.io";
/** Another name of the same; as Docker, we use the short one. */
const LEGACY_DEFAULT_REGISTRY = "index.docker.io";
const OFFICIAL_PREFIX = "library/";
const DEFAULT_TAG = "latest";
/** Of the repository with its registry, as the distribution project has it. */
const LONGEST_NAME = 255;

const PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REPOSITORY = new RegExp(`^${PART}(?:/${PART})*$`, "u");
const LABEL = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const REGISTRY = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-fA-F:]+\\])(?::[0-9]{1,5})?$`, "u");
const TAG = /^\w[\w.-]{0,127}$/u;

/**
 * Reads `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`. What stands before the first `/` is a registry when it holds a
 * dot, a colon or a capital, or is `localhost`. Without a registry it is Docker Hub, without tag and digest
 * the tag is `latest`.
 * @throws WhiskersError `reference-invalid`
 */
export function parseReference(text: string): Reference {
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0) throw invalid(text, "more than one @");
  if (digest !== undefined && !isDigest(digest)) {
    throw invalid(text, `after @ a digest is expected: sha256: and 64 hexadecimal digits, in lower case`);
  }
  const { registry, rest } = splitRegistry(named);
  const colon = rest.lastIndexOf(":");
  const tag = colon === -1 ? null : rest.slice(colon + 1);
  const name = colon === -1 ? rest : rest.slice(0, colon);
  const repository = registry === DEFAULT_REGISTRY && !name.includes("/") ? OFFICIAL_PREFIX + name : name;
  if (!REGISTRY.test(registry)) throw invalid(text, `${JSON.stringify(registry)} is no host`);
  if (!REPOSITORY.test(repository)) throw invalid(text, whyNoRepository(name));
  if (`${registry}/${repository}`.length > LONGEST_NAME) {
    throw invalid(text, `a name of more than ${LONGEST_NAME} characters`);
  }
  if (tag !== null && !TAG.test(tag)) {
    throw invalid(text, `${JSON.stringify(tag)} is no tag: at most 128 letters, digits, _, . and -`);
  }
  return {
    registry,
    repository,
    tag: tag ?? (digest === undefined ? DEFAULT_TAG : null),
    digest: digest ?? null,
  };
}

/** In full, so that equal references are equal texts: `docker.io/library/debian:12`. */
export function formatReference({ registry, repository, tag, digest }: Reference): string {
  return `${registry}/${repository}${tag === null ? "" : `:${tag}`}${digest === null ? "" : `@${digest}`}`;
}

/** As people write it, and as `parseReference` reads it back: `debian:12`. */
export function familiarReference(reference: Reference): string {
  const full = formatReference(reference);
  const prefixes = [`${DEFAULT_REGISTRY}/${OFFICIAL_PREFIX}`, `${DEFAULT_REGISTRY}/`];
  for (const prefix of prefixes.filter((each) => full.startsWith(each))) {
    const short = full.slice(prefix.length);
    if (isReadAs(short, full)) return short;
  }
  return full;
}

function isReadAs(text: string, full: string): boolean {
  try {
    return formatReference(parseReference(text)) === full;
  } catch {
    return false; // What follows the prefix is no reference by itself.
  }
}

function splitRegistry(named: string): { readonly registry: string; readonly rest: string } {
  const slash = named.indexOf("/");
  const first = named.slice(0, Math.max(slash, 0));
  const isRegistry = slash > 0 && (/[.:A-Z]/u.test(first) || first === "localhost");
  if (!isRegistry) return { registry: DEFAULT_REGISTRY, rest: named };
  const registry = first === LEGACY_DEFAULT_REGISTRY ? DEFAULT_REGISTRY : first;
  return { registry, rest: named.slice(slash + 1) };
}

function whyNoRepository(name: string): string {
  if (name === "" || name === OFFICIAL_PREFIX) return "it names no image";
  if (/[A-Z]/u.test(name)) return `${JSON.stringify(name)} holds capitals`;
  return `${JSON.stringify(name)} is no name: lower-case letters and digits, between them . _ __ or -, and /`;
}

function invalid(text: string, why: string): WhiskersError {
  return new WhiskersError("reference-invalid", `${JSON.stringify(text)} is no image reference: ${why}`);
}
