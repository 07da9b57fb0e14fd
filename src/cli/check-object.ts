import type { CheckObject } from "../mock-openkat/octopoes.ts";
import { computePrimaryKey } from "../records/primary-key.ts";
import { readObject } from "../records/read-object.ts";

/** Checks one object as the object graph does, by the schema that normalizers' output is checked against. */
export const checkObject: CheckObject = (object) => {
  const problems: string[] = [];
  const report = {
    add: ({ path, reason }: { readonly path: string; readonly reason: string }): void => {
      problems.push(`${path}: ${reason}`);
    },
    full: false,
  };
  const { primary_key: _, ...fields } = object;
  const draft = readObject(fields, 0, "", report);
  const [problem] = problems;
  if (problem !== undefined || draft.type === null) return { problem: problem ?? "no object" };
  const key = computePrimaryKey(draft.type, draft.values);
  return key === null ? { problem: "the primary key is too long" } : { key };
};
