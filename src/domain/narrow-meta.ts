import type { NormalizerMeta } from "./meta.ts";
import { isObject } from "./unknown.ts";

type Values = Record<string, unknown>;

/**
 * The fields of a meta that a manifest's `reads` names, and nothing else: whoever is told no more depends on no more.
 * The objects on the way to the scanned one are always there, if empty, for the SDKs' short cuts to it.
 */
export function narrowMeta(meta: NormalizerMeta, reads: readonly string[]): NormalizerMeta {
  const narrowed: Values = { raw_data: { boefje_meta: { arguments: {} } } };
  for (const path of reads) copy(meta, narrowed, path.split("."));
  return narrowed as unknown as NormalizerMeta;
}

function copy(from: unknown, to: Values, [name = "", ...rest]: readonly string[]): void {
  if (!isObject(from) || !Object.hasOwn(from, name)) return;
  const value = from[name];
  if (rest.length === 0 || !isObject(value)) {
    to[name] = value;
    return;
  }
  const below = Object.hasOwn(to, name) ? to[name] : undefined;
  const copied: Values = isObject(below) ? { ...below } : {};
  copy(value, copied, rest);
  Object.defineProperty(to, name, { value: copied, enumerable: true, writable: true, configurable: true });
}
