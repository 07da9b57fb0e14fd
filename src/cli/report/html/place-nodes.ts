import type { OpenKatObject } from "../../../domain/record.ts";
import { relationsOf } from "../relations.ts";

export interface Node {
  readonly key: string;
  /** Null: the output refers to it and does not hold it. */
  readonly object: OpenKatObject | null;
  /** From the left, 0 for what refers to nothing. */
  readonly column: number;
  /** From the top of its column. */
  readonly row: number;
}

export interface Edge {
  readonly from: Node;
  readonly to: Node;
  readonly field: string;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly edges: readonly Edge[];
  /** Objects that found no place in it. */
  readonly left: number;
}

/** More cannot be read, nor laid out well in columns. */
const MOST_NODES = 120;
/** It is everywhere, and says nothing. */
const EVERYWHERE = "Network|internet";
const SWEEPS = 4;

/**
 * Objects and what they refer to, in columns: what an object refers to stands to the left of it. Findings, and what they are
 * about, are taken first. Rows are ordered by where the neighbours stand (the barycenter heuristic of Sugiyama).
 */
export function placeNodes(objects: readonly OpenKatObject[]): Graph {
  const links = new Map(objects.map((object) => [object.primary_key, linksOf(object)]));
  const keys = chooseKeys(objects, links);
  const columns = columnsOf(keys, links);
  const rows = rowsOf(keys, columns, links);
  const byKey = new Map(objects.map((object) => [object.primary_key, object]));
  const nodes = new Map(
    [...keys].map((key) => [
      key,
      { key, object: byKey.get(key) ?? null, column: columns.get(key) ?? 0, row: rows.get(key) ?? 0 },
    ]),
  );
  const edges = [...nodes.values()].flatMap((from) =>
    (links.get(from.key) ?? []).flatMap(({ field, target }) => {
      const to = nodes.get(target);
      return to === undefined ? [] : [{ from, to, field }];
    }),
  );
  const placed = [...keys].filter((key) => byKey.has(key)).length;
  const left = byKey.size - placed - (byKey.has(EVERYWHERE) ? 1 : 0);
  return { nodes: [...nodes.values()], edges, left };
}

type Links = ReadonlyMap<string, readonly { readonly field: string; readonly target: string }[]>;

function linksOf(object: OpenKatObject): ReturnType<typeof relationsOf> {
  return relationsOf(object).filter(({ target }) => target !== EVERYWHERE && target !== object.primary_key);
}

/** Each object with what it refers to, as long as there is room. */
function chooseKeys(objects: readonly OpenKatObject[], links: Links): ReadonlySet<string> {
  const findingsFirst = objects.toSorted((a, b) => Number(isFinding(b)) - Number(isFinding(a)));
  const keys = new Set<string>();
  for (const { primary_key: key } of findingsFirst) {
    if (key === EVERYWHERE) continue;
    const wanted = [key, ...(links.get(key) ?? []).map(({ target }) => target)].filter(
      (each) => !keys.has(each),
    );
    if (keys.size + wanted.length > MOST_NODES) break;
    for (const each of wanted) keys.add(each);
  }
  return keys;
}

export function isFinding({ object_type: type }: OpenKatObject): boolean {
  return type === "Finding" || type.endsWith("FindingType");
}

/** One more than the furthest of what it refers to. References in a circle count once. */
function columnsOf(keys: ReadonlySet<string>, links: Links): ReadonlyMap<string, number> {
  const columns = new Map<string, number>();
  const visit = (key: string): number => {
    const known = columns.get(key);
    if (known !== undefined) return known;
    columns.set(key, 0);
    const below = (links.get(key) ?? []).filter(({ target }) => keys.has(target));
    const column = Math.max(-1, ...below.map(({ target }) => visit(target))) + 1;
    columns.set(key, column);
    return column;
  };
  for (const key of keys) visit(key);
  return columns;
}

function rowsOf(
  keys: ReadonlySet<string>,
  columns: ReadonlyMap<string, number>,
  links: Links,
): ReadonlyMap<string, number> {
  const byColumn = Map.groupBy(keys, (key) => columns.get(key) ?? 0);
  const neighbours = neighboursOf(keys, links);
  const rows = new Map<string, number>();
  for (const column of byColumn.values()) for (const [row, key] of column.entries()) rows.set(key, row);
  const meanRow = (key: string): number => {
    const near = neighbours.get(key) ?? [];
    if (near.length === 0) return rows.get(key) ?? 0;
    return near.reduce((sum, each) => sum + (rows.get(each) ?? 0), 0) / near.length;
  };
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const column of byColumn.values()) {
      const wanted = new Map(column.map((key) => [key, meanRow(key)]));
      column.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      for (const [row, key] of column.entries()) rows.set(key, row);
    }
  }
  return rows;
}

function neighboursOf(keys: ReadonlySet<string>, links: Links): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const add = (key: string, other: string): void => {
    const list = found.get(key);
    if (list === undefined) found.set(key, [other]);
    else list.push(other);
  };
  for (const key of keys) {
    for (const { target } of links.get(key) ?? []) {
      if (!keys.has(target)) continue;
      add(key, target);
      add(target, key);
    }
  }
  return found;
}
