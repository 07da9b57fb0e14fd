/** A runtime, `subprocess`, or one in a certain way, `oci:runsc`. */
export function isRuntimeName(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}(?::[a-z][a-z0-9._-]{0,31})?$/u.test(text);
}
