import { didYouMean } from "../domain/closest.ts";
import { isObject } from "../domain/unknown.ts";
import type { Draft, Link } from "./draft.ts";
import { objectType, objectTypeNames } from "./object-model.ts";
import type { Field, ObjectType } from "./object-model.ts";
import { computePrimaryKey } from "./primary-key.ts";
import { Problem, shown, unlike } from "./problem.ts";
import { readValue } from "./read-value.ts";

/** Takes what is wrong, path from the record; the reader goes on to find more. */
export interface Report {
  add(problem: Problem, typeName: string | null): void;
  /** Nothing more is kept: hints need not be worked out. */
  readonly full: boolean;
}

/**
 * An object of a record: every field checked and normalised, links to other objects of the output noted.
 * The draft is `rejected` when anything was reported.
 */
export function readObject(value: unknown, record: number, path: string, report: Report): Draft {
  if (!isObject(value)) {
    report.add(new Problem(`${shown(value)} is not an object with an object_type`, path), null);
    return rejected(record, path, null);
  }
  const id = typeof value["$id"] === "string" ? value["$id"] : null;
  const typeName = value["object_type"];
  const type = typeof typeName === "string" ? objectType(typeName) : null;
  if (type === null) {
    report.add(new Problem(unknownType(typeName, report), `${path}/object_type`), null);
    return rejected(record, path, id);
  }
  return readFields(type, value, { record, path, report, nested: false });
}

interface Place {
  readonly record: number;
  readonly path: string;
  readonly report: Report;
  /** Inside another object: no links, no `$id`. */
  readonly nested: boolean;
}

function readFields(type: ObjectType, value: Readonly<Record<string, unknown>>, place: Place): Draft {
  let sound = true;
  const report = (problem: Problem): void => {
    sound = false;
    place.report.add(new Problem(problem.reason, place.path + problem.path), type.name);
  };
  const values: Record<string, unknown> = { object_type: type.name, primary_key: "" };
  const links: Link[] = [];
  let known = readHead(value, place.nested, report);
  // What a user of OpenKAT made carries the user, and is declared by a normalizer.
  if (typeof value["user_id"] === "number") values["user_id"] = value["user_id"];
  for (const field of type.fields) {
    const given = value[field.name];
    if (given !== undefined) known += 1;
    const read = readField(field, given, place, links);
    if (read instanceof Problem) {
      report(read.below(field.name));
      values[field.name] = read;
    } else values[field.name] = read;
  }
  if (known !== Object.keys(value).length) reportUnknown(type, value, place, report);
  const given = typeof value["primary_key"] === "string" ? value["primary_key"] : null;
  const id = !place.nested && typeof value["$id"] === "string" ? value["$id"] : null;
  const draft: Draft = {
    record: place.record,
    path: place.path,
    type,
    id,
    given: given === "" ? null : given,
    values,
    links,
    state: "checked",
    key: null,
  };
  if (!links.some(({ field }) => field.inKey)) setKey(draft, report);
  if (!sound) draft.state = "rejected";
  return draft;
}

/** Computes the key of a draft whose key fields are all known; reports a given one that differs. */
export function setKey(draft: Draft, report: (problem: Problem) => void): void {
  const { type, values, given } = draft;
  if (type === null || type.key.some(({ field }) => values[field] instanceof Problem)) return;
  draft.key = computePrimaryKey(type, values);
  if (draft.key === null) {
    report(new Problem("its primary key would be too long"));
  } else if (given !== null && given !== draft.key) {
    const reason = `${shown(given)} is not the primary key of this object, ${shown(draft.key)}; it may be left out`;
    report(new Problem(reason, "/primary_key"));
  } else {
    values["primary_key"] = draft.key;
    if (draft.state !== "rejected") draft.state = "keyed";
  }
}

/** Checks what every object may carry; how many of its keys these are. */
function readHead(
  value: Readonly<Record<string, unknown>>,
  nested: boolean,
  report: (problem: Problem) => void,
): number {
  const { primary_key: primaryKey, scan_profile: scanProfile, user_id: userId, $id: id } = value;
  let known = 1;
  if (primaryKey !== undefined) {
    known += 1;
    if (typeof primaryKey !== "string") report(unlike(primaryKey, "a text").below("primary_key"));
  }
  if (id !== undefined && !nested) {
    known += 1;
    if (typeof id !== "string" || id === "") report(unlike(id, "a text that is not empty").below("$id"));
  }
  if (scanProfile !== undefined) {
    known += 1;
    if (scanProfile !== null) {
      report(
        new Problem("a scan profile is a record of its own; here it must be null or absent", "/scan_profile"),
      );
    }
  }
  if (userId !== undefined) {
    known += 1;
    const isUser = userId === null || (typeof userId === "number" && Number.isSafeInteger(userId));
    if (!isUser) report(unlike(userId, "a whole number or null").below("user_id"));
  }
  return known;
}

function readField(field: Field, given: unknown, place: Place, links: Link[]): unknown {
  if (given === undefined) {
    if (field.required) return new Problem(`missing; ${wanted(field)}`);
    return field.default;
  }
  if (given === null) {
    return field.nullable ? null : new Problem(`null is not allowed; ${wanted(field)}`);
  }
  if (field.kind === "reference" && typeof given === "object") {
    const id = linkOf(given);
    if (id instanceof Problem) return id;
    if (place.nested) return new Problem("an object inside another refers by primary key only");
    links.push({ field, id, path: `${place.path}/${field.name}` });
    return null;
  }
  return field.kind === "asset-reports" ? readAssetReports(given, place.record) : readValue(field, given);
}

/** The id of `{"$ref": "#id"}`. */
function linkOf(value: object): string | Problem {
  const reference: unknown = "$ref" in value ? value.$ref : undefined;
  if (typeof reference !== "string" || !/^#./su.test(reference) || Object.keys(value).length !== 1) {
    return unlike(value, 'a reference: a primary key, or {"$ref": "#id"}');
  }
  return reference.slice(1);
}

/** `input_oois` of a HydratedReport: primary keys, or whole asset reports. */
function readAssetReports(value: unknown, record: number): unknown {
  if (!Array.isArray(value)) return unlike(value, "a list of asset reports or their primary keys");
  const items: unknown[] = [];
  for (const [at, item] of (value as readonly unknown[]).entries()) {
    const read = typeof item === "string" ? item : readAssetReport(item, record);
    if (read instanceof Problem) return read.below(at);
    items.push(read);
  }
  return items;
}

function readAssetReport(value: unknown, record: number): unknown {
  const type = objectType("AssetReport");
  if (type === null || !isObject(value) || value["object_type"] !== type.name) {
    return unlike(value, "an AssetReport or a primary key");
  }
  const problems: Problem[] = [];
  const report: Report = {
    add: (problem) => {
      problems.push(problem);
    },
    full: false,
  };
  const draft = readFields(type, value, { record, path: "", report, nested: true });
  return problems[0] ?? draft.values;
}

function unknownType(typeName: unknown, { full }: Report): string {
  if (typeName === undefined) return "missing; an object has an object_type";
  if (typeof typeName !== "string") return unlike(typeName, "the name of an object type").reason;
  return `there is no object type ${shown(typeName)}${full ? "" : didYouMean(typeName, objectTypeNames())}`;
}

const HEAD = ["object_type", "primary_key", "scan_profile", "user_id"];
/** Of one object: the work for a hostile one is bounded. */
const MOST_UNKNOWN = 10;

function reportUnknown(
  type: ObjectType,
  value: Readonly<Record<string, unknown>>,
  place: Place,
  report: (problem: Problem) => void,
): void {
  const names = [...type.fields.map(({ name }) => name), ...HEAD, ...(place.nested ? [] : ["$id"])];
  const unknown = Object.keys(value).filter((key) => !names.includes(key));
  for (const key of unknown.slice(0, MOST_UNKNOWN)) {
    const hint = place.report.full ? "" : didYouMean(key, names);
    report(new Problem(`a ${type.name} has no such field${hint}`).below(key));
  }
}

function wanted(field: Field): string {
  switch (field.kind) {
    case "reference":
      return `a reference to ${field.targets.length === 0 ? "an object" : `a ${field.targets.join(" or ")}`} is needed`;
    case "enum":
      return `one of ${field.values.join(", ")} is needed`;
    default:
      return `a value of kind ${field.kind} is needed`;
  }
}

function rejected(record: number, path: string, id: string | null): Draft {
  return { record, path, type: null, id, given: null, values: {}, links: [], state: "rejected", key: null };
}
