const TYPE_MAX_LENGTH = 256;
const MESSAGE_MAX_LENGTH = 4 * 1024;
const STACK_MAX_LENGTH = 16 * 1024;
const CAUSES_MAX = 5;

const OWN_FOLDER = import.meta.dirname;

/** The JSON of a `failed` frame for whatever was thrown. Never throws. */
export function failurePayload(thrown: unknown, loading: boolean): string {
  try {
    if (!(thrown instanceof Error)) {
      return payload("Error", `threw ${String(thrown)}`, "", loading ? "load" : "raised");
    }
    const reason = loading ? "load" : isOutOfMemory(thrown) ? "memory" : "raised";
    return payload(thrown.name, thrown.message, stackOf(thrown), reason);
  } catch {
    return payload("Error", "an error that cannot be shown", "", loading ? "load" : "raised");
  }
}

/** `type` and `message` may be anything: an error's fields can be overwritten. */
export function payload(type: unknown, message: unknown, stack: string, reason: string): string {
  return JSON.stringify({
    type: String(type).slice(0, TYPE_MAX_LENGTH),
    message: String(message).slice(0, MESSAGE_MAX_LENGTH),
    stack: cut(stack),
    reason,
  });
}

/** Not the heap, which V8 lets nobody survive: a buffer or string that did not fit. */
function isOutOfMemory(error: Error): boolean {
  return error instanceof RangeError && /allocation failed|Invalid string length/.test(error.message);
}

/** Without the frames of this SDK and of Node, and with the causes. */
function stackOf(error: Error): string {
  const parts: string[] = [];
  let next: unknown = error;
  for (let count = 0; next instanceof Error && count < CAUSES_MAX; count += 1) {
    const stack: unknown = next.stack;
    const lines = String(stack).split("\n");
    parts.push(lines.filter((line) => !isOwnFrame(line)).join("\n"));
    next = next.cause;
  }
  return parts.join("\nCaused by: ");
}

function isOwnFrame(line: string): boolean {
  if (!/^\s+at /.test(line)) return false;
  const [, own] = line.split(`${OWN_FOLDER}/`);
  return line.includes("node:internal/") || (own !== undefined && !own.includes("/"));
}

function cut(stack: string): string {
  if (stack.length <= STACK_MAX_LENGTH) return stack;
  return `${stack.slice(0, STACK_MAX_LENGTH / 2)}\n  ...\n${stack.slice(-STACK_MAX_LENGTH / 2)}`;
}
