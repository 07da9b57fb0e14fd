import { lowerCase, nameprep } from "./nameprep.ts";
import { encodePunycode } from "./punycode.ts";

/** RFC 1035, section 2.3.4. */
const LABEL_LENGTH = 63;
/** OpenKAT has no limit; DNS has 253. This one only bounds the work. */
const NAME_LENGTH = 65_536;

const NORMAL = /^(?:[a-z\d-]{1,63}\.)*[a-z\d-]{0,63}$/;
const ALLOWED = /^[a-z\d.-]*$/i;

/**
 * A hostname as OpenKAT stores it: lower case, then IDNA 2003 (RFC 3490, the codec `idna` of Python), then
 * only ASCII letters, digits, `-` and `.`, and no `-` at the end. Null when it cannot be one. A trailing dot
 * stays, and the empty name is one. The length of the whole is not checked against that of DNS.
 */
export function normaliseHostname(name: string): string | null {
  if (name.length > NAME_LENGTH) return null;
  if (NORMAL.test(name)) return name.endsWith("-") ? null : name;
  const ascii = toAscii(lowerCase(name));
  return ascii !== null && ALLOWED.test(ascii) && !ascii.endsWith("-") ? ascii : null;
}

function toAscii(name: string): string | null {
  const labels = name.split(/[.\u3002\uff0e\uff61]/u);
  const rooted = labels.length > 1 && labels.at(-1) === "";
  const encoded = (rooted ? labels.slice(0, -1) : labels).map(labelToAscii);
  return encoded.includes(null) ? null : encoded.join(".") + (rooted ? "." : "");
}

/** RFC 3490, section 4.1. */
function labelToAscii(label: string): string | null {
  // What nameprep drops may be any number of characters; what stays cannot be more than this.
  if (label.length > 64 * LABEL_LENGTH) return null;
  const prepared = isAscii(label) ? label : nameprep(label);
  if (prepared === null) return null;
  if (isAscii(prepared)) return fits(prepared);
  return prepared.startsWith("xn--") ? null : fits(`xn--${encodePunycode(prepared)}`);
}

function fits(label: string): string | null {
  return label.length > 0 && label.length <= LABEL_LENGTH ? label : null;
}

function isAscii(text: string): boolean {
  return /^[\u0000-\u007f]*$/.test(text);
}
