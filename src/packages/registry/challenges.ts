/** How a server wants to be told who asks: one part of a `WWW-Authenticate` header. */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/**
 * Reads `WWW-Authenticate` headers (RFC 9110, section 11.6.1): several challenges may stand in one, separated by
 * commas as their parameters are. What cannot be read is left out.
 */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const text = typeof header === "string" ? header : (header ?? []).join(",");
  const challenges: { readonly scheme: string; readonly parameters: Record<string, string> }[] = [];
  for (const { groups } of text.slice(0, LONGEST).matchAll(PIECE)) {
    const { key, quoted, bare, scheme } = groups ?? {};
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: {} });
    const parameters = challenges.at(-1)?.parameters;
    if (parameters === undefined || key === undefined) continue;
    parameters[key.toLowerCase()] ??= quoted?.replaceAll(/\\(.)/gsu, "$1") ?? bare ?? "";
  }
  return challenges;
}

const LONGEST = 4096;
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
/** A parameter, or a scheme that stands before one, or at the end, or before a comma. */
const PIECE = new RegExp(
  `(?<key>${TOKEN})[ \\t]*=[ \\t]*(?:"(?<quoted>(?:[^"\\\\]|\\\\.)*)"|(?<bare>${TOKEN}))|(?<scheme>${TOKEN})(?=[ \\t]+${TOKEN}[ \\t]*=|[ \\t]*(?:,|$))`,
  "gsu",
);
