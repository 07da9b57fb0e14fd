import { LISTS } from "./expectation.ts";
import type { Expectation, Fields, RecordList } from "./expectation.ts";

/** One thing that is not as it was expected to be. */
export interface Difference {
  readonly kind: "missing" | "unexpected" | "changed";
  /** Which record: its list and key, for people. */
  readonly what: string;
  /** Of a changed record: each field that differs, as JSON; undefined: it is not there. */
  readonly fields: readonly {
    readonly name: string;
    readonly expected: string | undefined;
    readonly actual: string | undefined;
  }[];
}

/** How two outputs differ, record by record. The order of records means nothing, and does not count. */
export function differences(expected: Expectation, actual: Expectation): readonly Difference[] {
  if ("failed" in expected || "failed" in actual) return compareEnds(expected, actual);
  return LISTS.flatMap((list) => compareLists(list, expected[list], actual[list]));
}

function compareEnds(expected: Expectation, actual: Expectation): readonly Difference[] {
  const fields = compareFields(endOf(expected), endOf(actual));
  return fields.length === 0 ? [] : [{ kind: "changed", what: "how the run ended", fields }];
}

function endOf(expectation: Expectation): Fields {
  return "failed" in expectation ? { outcome: "failed", ...expectation.failed } : { outcome: "succeeded" };
}

function compareLists(
  list: RecordList,
  expected: readonly Fields[],
  actual: readonly Fields[],
): readonly Difference[] {
  const [wanted, given] = [byKey(list, expected), byKey(list, actual)];
  const found: Difference[] = [];
  for (const [key, record] of wanted) {
    const other = given.get(key);
    if (other === undefined) found.push({ kind: "missing", what: key, fields: [] });
    else {
      const fields = compareFields(record, other);
      if (fields.length > 0) found.push({ kind: "changed", what: key, fields });
    }
  }
  for (const [key, record] of given) {
    if (!wanted.has(key)) found.push({ kind: "unexpected", what: key, fields: compareFields({}, record) });
  }
  return found;
}

/** The same record twice is told apart by a number. */
function byKey(list: RecordList, records: readonly Fields[]): Map<string, Fields> {
  const found = new Map<string, Fields>();
  for (const record of records) {
    const name = nameOf(list, record);
    let key = name;
    for (let count = 2; found.has(key); count += 1) key = `${name} (${count})`;
    found.set(key, record);
  }
  return found;
}

function nameOf(list: RecordList, record: Fields): string {
  switch (list) {
    case "objects":
      return String(record["primary_key"]);
    case "declarations":
      return `declaration of ${keyOfHeld(record)}`;
    case "affirmations":
      return `affirmation of ${keyOfHeld(record)}`;
    case "scanProfiles":
      return `scan profile of ${String(record["reference"])}`;
    case "raws":
      return `raw file ${JSON.stringify(record["mime_types"])}`;
  }
}

function keyOfHeld({ object }: Fields): string {
  return typeof object === "object" && object !== null && "primary_key" in object
    ? String(object.primary_key)
    : "?";
}

function compareFields(expected: Fields, actual: Fields): Difference["fields"] {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(actual)])];
  return names
    .map((name) => ({ name, expected: canonical(expected[name]), actual: canonical(actual[name]) }))
    .filter((field) => field.expected !== field.actual);
}

/** As JSON, with the keys of objects in one order; undefined stays. */
function canonical(value: unknown): string | undefined {
  return JSON.stringify(value, (_, held: unknown) =>
    typeof held === "object" && held !== null && !Array.isArray(held)
      ? Object.fromEntries(Object.entries(held).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : held,
  );
}
