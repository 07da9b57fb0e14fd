import type { OpenKatObject } from "../../domain/record.ts";
import { columnsOf, cut, pad } from "../terminal/columns.ts";
import { printable } from "../terminal/printable.ts";
import type { Terminal } from "../terminal/terminal.ts";
import { nameOf, relationsOf } from "./relations.ts";

/** So many objects of one type are shown when not all are asked for. */
const SHOWN_PER_TYPE = 12;

/** Objects grouped by type, each with its own values and what it points to. */
export function objectLines(
  objects: readonly OpenKatObject[],
  terminal: Terminal,
  full: boolean,
): readonly string[] {
  const byType = Map.groupBy(objects, ({ object_type: type }) => type);
  return [...byType.keys()].sort().flatMap((type) => {
    const all = byType.get(type) ?? [];
    const shown = (full ? all : all.slice(0, SHOWN_PER_TYPE)).map((object) => ({
      name: printable(nameOf(object.primary_key).key),
      details: printable([...ownValues(object), ...relations(object)].join("  ")),
    }));
    return [
      `  ${terminal.paint("cyan", printable(type))}  ${all.length}`,
      ...table(shown, terminal),
      ...(shown.length < all.length
        ? [`    ${terminal.paint("dim", `… ${all.length - shown.length} more (--full shows all)`)}`]
        : []),
    ];
  });
}

function table(
  rows: readonly { readonly name: string; readonly details: string }[],
  { columns, paint }: Terminal,
): readonly string[] {
  const nameColumns = Math.min(
    Math.floor(columns / 2),
    Math.max(0, ...rows.map(({ name }) => columnsOf(name))),
  );
  return rows.map(({ name, details }) => {
    const head = `    ${pad(cut(name, nameColumns), nameColumns)}`;
    const room = columns - nameColumns - 6;
    return details === "" ? head.trimEnd() : `${head}  ${paint("dim", cut(details, room))}`;
  });
}

/** What the name does not say already: `protocol tcp`. */
function ownValues(object: OpenKatObject): readonly string[] {
  const key = object.primary_key.split("|");
  return Object.entries(object).flatMap(([field, value]) => {
    if (["object_type", "primary_key", "scan_profile", "user_id"].includes(field)) return [];
    if (typeof value === "boolean" || typeof value === "number") {
      return key.includes(String(value)) ? [] : [`${field} ${String(value)}`];
    }
    if (typeof value !== "string" || value === "" || key.includes(value)) return [];
    return isReference(object, value) ? [] : [`${field} ${value.slice(0, 200)}`];
  });
}

function isReference(object: OpenKatObject, value: string): boolean {
  return relationsOf(object).some(({ target }) => target === value);
}

/** `netloc → Hostname www.example.com`; the network is everywhere and says nothing. */
function relations(object: OpenKatObject): readonly string[] {
  return relationsOf(object)
    .filter(({ target }) => target !== "Network|internet")
    .map(({ field, target }) => {
      const { type, key } = nameOf(target);
      return `${field} → ${type} ${key}`;
    });
}
