import type { OpenKatObject } from "../../../domain/record.ts";
import { nameOf, relationsOf } from "../relations.ts";
import { type Html, markup } from "./markup.ts";

/** Rows that a browser shows without being slow; what is left out is said. */
const MOST_OBJECTS = 2000;
const MOST_VALUE_CHARACTERS = 4000;
/** Shorter values stand in every file. */
const LEAST_SOUGHT_CHARACTERS = 3;

export interface ShownObjects {
  readonly tables: Html;
  /** Id of the row that shows an object; null: none. */
  readonly anchorOf: (key: string) => string | null;
}

/**
 * Objects by type, each a row with its fields; what they refer to leads to its row.
 * @param prefix makes the ids of rows unique on the page
 */
export function objectTables(objects: readonly OpenKatObject[], prefix: string): ShownObjects {
  const byType = [...Map.groupBy(objects, ({ object_type: type }) => type)].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const perType = fairShare(
    byType.map(([, all]) => all.length),
    MOST_OBJECTS,
  );
  const shown = byType.map(([type, all]) => ({ type, count: all.length, objects: all.slice(0, perType) }));
  const anchors = new Map(
    shown.flatMap((group) => group.objects).map(({ primary_key: key }, index) => [key, `${prefix}o${index}`]),
  );
  const anchorOf = (key: string): string | null => anchors.get(key) ?? null;
  const shownCount = anchors.size;
  const tables = markup`${
    shownCount < objects.length
      ? markup`<p class="quiet">
          ${shownCount} of ${objects.length} objects are shown; <span class="mono">--json</span> has all of
          them.
        </p>`
      : ""
  }
  ${shown.map(
    ({ type, count, objects: rows }) =>
      markup`<details class="type" open>
        <summary>${type} <span class="quiet">${count}</span></summary>
        <table>
          <tbody>
            ${rows.map((object) => rowOf(object, anchorOf))}
          </tbody>
        </table>
      </details> `,
  )}`;
  return { tables, anchorOf };
}

/** How many of each, when all together may be `most`: the rare ones are whole. */
function fairShare(counts: readonly number[], most: number): number {
  let share = most;
  while (counts.reduce((sum, count) => sum + Math.min(count, share), 0) > most)
    share = Math.floor(share * 0.9);
  return share;
}

function rowOf(object: OpenKatObject, anchorOf: ShownObjects["anchorOf"]): Html {
  const { primary_key: key } = object;
  const anchor = anchorOf(key) ?? "";
  const fields = Object.entries(object).filter(
    ([name, value]) => !["object_type", "primary_key", "scan_profile"].includes(name) && value !== null,
  );
  return markup`<tr class="object" id="${anchor}" data-values="${JSON.stringify(soughtIn(object))}">
    <th scope="row"><a href="#${anchor}" title="${key}">${nameOf(key).key}</a></th>
    <td>
      <dl class="fields">
        ${fields.map(
          ([name, value]) =>
            markup`<dt>${name}</dt>
              <dd>${valueOf(object, value, anchorOf)}</dd>`,
        )}
      </dl>
    </td>
  </tr> `;
}

function valueOf(object: OpenKatObject, value: unknown, anchorOf: ShownObjects["anchorOf"]): Html {
  if (Array.isArray(value)) {
    return markup`${value.slice(0, 50).map((each, index) => [index > 0 ? ", " : "", valueOf(object, each, anchorOf)])}${value.length > 50 ? " …" : ""}`;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const anchor = typeof value === "string" ? anchorOf(value) : null;
  if (anchor !== null && relationsOf(object).some(({ target }) => target === value)) {
    const { type, key } = nameOf(text);
    return markup`<a href="#${anchor}">${type} ${key}</a>`;
  }
  const cut = text.length > MOST_VALUE_CHARACTERS ? `${text.slice(0, MOST_VALUE_CHARACTERS)}…` : text;
  return markup`${cut}`;
}

/** Texts of an object that may stand in its raw file. */
function soughtIn(object: OpenKatObject): readonly string[] {
  const own = Object.entries(object).flatMap(([name, value]) => {
    if (["object_type", "primary_key", "scan_profile"].includes(name)) return [];
    if (typeof value !== "string" && typeof value !== "number") return [];
    const text = String(value);
    return relationsOf(object).some(({ target }) => target === text) ? [] : [text];
  });
  return [...new Set(own)]
    .filter(({ length }) => length >= LEAST_SOUGHT_CHARACTERS && length < 200)
    .slice(0, 8);
}
