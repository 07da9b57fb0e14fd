/** The same as the Python one. */
export function* run(_meta: unknown, raw: Buffer): Generator<object> {
  yield { object_type: "Network", name: "internet" };
  for (const [number, line] of raw.toString().trimEnd().split("\n").entries()) {
    yield { object_type: "Hostname", network: "Network|internet", name: `h${number}.${line}` };
  }
}
