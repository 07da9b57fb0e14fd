import type { Run } from "../../domain/run.ts";
import { isObject, messageOf } from "../../domain/unknown.ts";
import { WhiskersError } from "../../errors.ts";

/** What a case's `expected.json` holds: the records, or how the run has to fail. */
export type Expectation =
  | { readonly failed: { readonly code: string; readonly message: string } }
  | Readonly<Record<RecordList, readonly Fields[]>>;

export type RecordList = (typeof LISTS)[number];
export type Fields = Readonly<Record<string, unknown>>;

export const LISTS = ["objects", "declarations", "affirmations", "scanProfiles", "raws"] as const;

/** What a run gave, in the form of an expectation. */
export function expectationOf({ outcome, records }: Run): Expectation {
  if (outcome.status === "failed") return { failed: { code: outcome.code, message: outcome.message } };
  const { objects, declarations, affirmations, scanProfiles } = records;
  const raws = records.raws.map(({ mime_types: types, content }) => ({
    mime_types: types,
    content: Buffer.from(content).toString("base64"),
  }));
  return JSON.parse(
    JSON.stringify({ objects, declarations, affirmations, scanProfiles, raws }),
  ) as Expectation;
}

/** One record a line, so that a difference of two versions of the file shows which. */
export function writeExpectation(expectation: Expectation): string {
  if ("failed" in expectation) return `${JSON.stringify(expectation, null, 2)}\n`;
  const lists = LISTS.filter((list) => list !== "raws" || expectation.raws.length > 0).map(
    (list) => `"${list}":[${expectation[list].map((each) => `\n${JSON.stringify(each)}`).join(",")}]`,
  );
  return `{${lists.join(",\n")}}\n`;
}

/** @throws WhiskersError `input-unreadable`, naming the file */
export function parseExpectation(text: string, file: string): Expectation {
  const complain = (what: string): WhiskersError => new WhiskersError("input-unreadable", `${file}: ${what}`);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw complain(`it is not JSON: ${messageOf(cause)}`);
  }
  if (!isObject(json)) throw complain("it is not a JSON object");
  const { failed } = json;
  if (isObject(failed) && typeof failed["code"] === "string" && typeof failed["message"] === "string") {
    return { failed: { code: failed["code"], message: failed["message"] } };
  }
  const unknown = Object.keys(json).find((key) => !LISTS.some((list) => list === key));
  if (unknown !== undefined)
    throw complain(`it has a key ${JSON.stringify(unknown)}; there are: ${LISTS.join(", ")}`);
  const lists = LISTS.map((list) => {
    const records = json[list] ?? [];
    if (!Array.isArray(records) || !records.every((record) => isObject(record))) {
      throw complain(`\`${list}\` is not a list of objects`);
    }
    return [list, records] as const;
  });
  return Object.fromEntries(lists) as unknown as Expectation;
}
