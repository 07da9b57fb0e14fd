/** Attacks that slow runtimes are tried with in every test run; WHISKERS_TEST_ATTACKS=all tries all of them. */
const QUICK: readonly string[] = [
  "read-host-files",
  "write-outside",
  "fork-bomb",
  "memory-bytearray",
  "mounts",
  "parent-memory",
];

/** Names of attacks for `hostileSuite`, from WHISKERS_TEST_ATTACKS: `all`, or names by commas; undefined: all. */
export function triedByDefault(isSlow: boolean): readonly string[] | undefined {
  const wanted = process.env["WHISKERS_TEST_ATTACKS"];
  if (wanted === undefined) return isSlow ? QUICK : undefined;
  return wanted === "all" ? undefined : wanted.split(",");
}
