/** Memory on the interpreter's own heap. */
export function* run(): Generator<object> {
  const hoard: unknown[] = [];
  while (hoard.length >= 0)
    hoard.push({ text: `entry ${hoard.length}`, list: [hoard.length, hoard.length + 1] });
  yield {};
}
