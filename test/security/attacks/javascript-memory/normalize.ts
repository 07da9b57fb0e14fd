/** Memory outside of the interpreter's own heap, which the interpreter's own limit does not count. */
export function* run(): Generator<object> {
  const hoard: Buffer[] = [];
  for (;;) {
    hoard.push(Buffer.alloc(4 * 1024 * 1024, 1));
    if (hoard.length > 1000) break;
  }
  yield { fact: "memoryBytes", value: hoard.length * 4 * 1024 * 1024 };
}
