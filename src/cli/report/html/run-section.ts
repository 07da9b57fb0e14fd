import type { Outcome } from "../../../domain/outcome.ts";
import { formatBytes, formatMs } from "../../../domain/quantity.ts";
import type { Records } from "../../../domain/record.ts";
import { PHASES, type Run, type RunRecord } from "../../../domain/run.ts";
import { ERRORS } from "../../../errors.ts";
import type { Input } from "../../../raw/input.ts";
import { findingsIn } from "../findings.ts";
import { drawGraph } from "./draw-graph.ts";
import { drawProfile } from "./draw-profile.ts";
import { type Html, markup } from "./markup.ts";
import { objectTables, type ShownObjects } from "./object-tables.ts";
import { placeNodes } from "./place-nodes.ts";
import { rawView } from "./raw-view.ts";

const MOST_ROWS = 1000;

/** Everything about one run. @param number from 1 on, of the runs of this page */
export async function runSection(number: number, input: Input, run: Run): Promise<Html> {
  const { records } = run;
  const prefix = `r${number}-`;
  const objects = objectTables(records.objects, prefix);
  return markup`<section class="run" id="run-${number}" aria-labelledby="run-${number}-title">
    ${heading(number, input, run)} ${failure(run.outcome)} ${rejections(records)}
    <div class="beside">
      <div class="card raw-card">
        <h2>Raw file <span class="quiet">${formatBytes(run.record.rawBytes)}</span></h2>
        ${await rawView(input.raw.path, run.record.rawBytes)}
      </div>
      <div>${findings(records, objects)} ${objectCard(records, objects)} ${others(records, prefix)}</div>
    </div>
    ${relations(records, objects)} ${logs(run)} ${howItWent(run.record)}
  </section> `;
}

function heading(number: number, { name }: Input, { outcome, record, records }: Run): Html {
  const { id, version } = record.normalizer;
  const findingCount = records.objects.filter(({ object_type: type }) => type === "Finding").length;
  const counts: readonly (readonly [number, string])[] = [
    [records.objects.length, "objects"],
    [findingCount, "findings"],
    [records.recordsRejected, "records rejected"],
  ];
  return markup`<h1 id="run-${number}-title">
      ${id}${version === null ? "" : ` ${version}`} on ${name}
      <span class="badge ${outcome.status}">${outcome.status}</span>
    </h1>
    <ul class="counts">
      ${counts.map(([count, what]) => markup`<li><b>${count}</b> ${what}</li>`)}
      <li>in <b>${formatMs(record.timingsMs.total)}</b></li>
    </ul>`;
}

function failure(outcome: Outcome): Html {
  if (outcome.status === "succeeded") return markup``;
  const { summary, remedy } = ERRORS[outcome.code];
  const stack = outcome.guestError?.stack ?? "";
  return markup`<div class="card">
    <h2 class="failed">${outcome.code}</h2>
    <p>${outcome.message}</p>
    ${
      stack === ""
        ? ""
        : markup`<pre>${stack.split("\n").map(
            (line) => markup`${line}
`,
          )}</pre>`
    }
    <p class="quiet">${summary} ${remedy}</p>
  </div>`;
}

function rejections({ rejections: rows, rejectionsDropped, recordsRejected }: Records): Html {
  if (rows.length === 0) return markup``;
  const shown = rows.slice(0, MOST_ROWS);
  const left = rows.length - shown.length + rejectionsDropped;
  return markup`<div class="card">
    <h2>Rejected records <span class="quiet">${recordsRejected}</span></h2>
    <table class="rejections">
      <thead>
        <tr>
          <th scope="col">record</th>
          <th scope="col">type</th>
          <th scope="col">where</th>
          <th scope="col">why</th>
        </tr>
      </thead>
      <tbody>
        ${shown.map(
          ({ record, objectType, path, reason }) =>
            markup`<tr>
              <td>${record}</td>
              <td>${objectType ?? ""}</td>
              <td class="mono">${path}</td>
              <td>${reason}</td>
            </tr> `,
        )}
      </tbody>
    </table>
    ${left > 0 ? markup`<p class="quiet">${left} more reasons are not shown.</p>` : ""}
  </div>`;
}

function findings({ objects }: Records, { anchorOf }: ShownObjects): Html {
  const all = findingsIn(objects);
  if (all.length === 0) return markup``;
  const shown = all.slice(0, MOST_ROWS);
  return markup`<div class="card findings">
    <h2>Findings <span class="quiet">${all.length}</span></h2>
    <table>
      <tbody>
        ${shown.map(({ key, severity, type, about, description }) => {
          const anchor = anchorOf(key);
          const name = anchor === null ? markup`${type}` : markup`<a href="#${anchor}">${type}</a>`;
          return markup`<tr>
            <td><span class="severity ${severity}">${severity}</span></td>
            <th scope="row">${name}</th>
            <td>${about}<br /><span class="quiet">${description}</span></td>
          </tr> `;
        })}
      </tbody>
    </table>
    ${all.length > shown.length ? markup`<p class="quiet">${all.length - shown.length} more are not shown.</p>` : ""}
  </div>`;
}

function objectCard({ objects }: Records, { tables }: ShownObjects): Html {
  if (objects.length === 0)
    return markup`<div class="card">
      <h2>Objects</h2>
      <p class="quiet">It gave none.</p>
    </div>`;
  return markup`<div class="card">
    <h2>Objects <span class="quiet">${objects.length}</span></h2>
    <label hidden
      ><span class="quiet">Filter</span>
      <input class="filter" type="search" autocomplete="off" spellcheck="false"
    /></label>
    <span class="filter-status quiet" role="status"></span>
    ${tables}
  </div>`;
}

function others({ declarations, affirmations, scanProfiles, raws }: Records, prefix: string): Html {
  const lists = [
    ["Declarations", declarations.map(({ object }) => object), "d"],
    ["Affirmations", affirmations.map(({ object }) => object), "a"],
  ] as const;
  return markup`${lists.map(([title, objects, letter]) =>
    objects.length === 0
      ? ""
      : markup`<div class="card">
          <h2>${title} <span class="quiet">${objects.length}</span></h2>
          ${objectTables(objects, `${prefix}${letter}`).tables}
        </div>`,
  )}
  ${smallTable(
    "Scan profiles",
    scanProfiles.map(({ reference, level }) => [reference, `level ${level}`]),
  )}
  ${smallTable(
    "Derived raw files",
    raws.map(({ mime_types: types, content }) => [types.join(", "), formatBytes(content.length)]),
  )}`;
}

function smallTable(title: string, rows: readonly (readonly [string, string])[]): Html {
  if (rows.length === 0) return markup``;
  const shown = rows.slice(0, MOST_ROWS);
  return markup`<div class="card">
    <h2>${title} <span class="quiet">${rows.length}</span></h2>
    <table>
      <tbody>
        ${shown.map(
          ([name, value]) =>
            markup`<tr>
              <th scope="row">${name}</th>
              <td>${value}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    ${rows.length > shown.length ? markup`<p class="quiet">${rows.length - shown.length} more are not shown.</p>` : ""}
  </div>`;
}

function relations({ objects }: Records, { anchorOf }: ShownObjects): Html {
  const graph = placeNodes(objects);
  if (graph.edges.length === 0) return markup``;
  const note =
    graph.left > 0 ? ` — ${graph.nodes.length} objects, ${graph.left} more have no place here` : "";
  return markup`<div class="card">
    <h2>Relations <span class="quiet">what an object refers to is on its left${note}</span></h2>
    <div class="graph" tabindex="0" role="region" aria-label="Relations">${drawGraph(graph, anchorOf)}</div>
  </div>`;
}

function logs({ logs: entries, logBytesDropped }: Run): Html {
  if (entries.length === 0 && logBytesDropped === 0) return markup``;
  const shown = entries.slice(0, MOST_ROWS);
  return markup`<div class="card">
    <h2>Log <span class="quiet">${entries.length}</span></h2>
    <table>
      <tbody>
        ${shown.map(
          ({ level, source, message }) =>
            markup`<tr>
              <td class="level-${level}">${source === "stderr" ? "stderr" : level}</td>
              <td class="mono">${message}</td>
            </tr> `,
        )}
      </tbody>
    </table>
    ${entries.length > shown.length ? markup`<p class="quiet">${entries.length - shown.length} more lines are not shown.</p>` : ""}
    ${logBytesDropped > 0 ? markup`<p class="quiet">${formatBytes(logBytesDropped)} more were not kept.</p>` : ""}
  </div>`;
}

function howItWent(record: RunRecord): Html {
  const { timingsMs, usage, environment, runtime, protections } = record;
  const missing = protections.filter(({ by }) => by === null).map(({ name }) => name);
  const facts: readonly (readonly [string, string])[] = [
    ...(record.cached === undefined ? [] : [["Output of run", record.cached] as const]),
    ["CPU", usage.cpuMs === null ? "not known" : formatMs(usage.cpuMs)],
    ["Memory at most", usage.peakMemoryBytes === null ? "not known" : formatBytes(usage.peakMemoryBytes)],
    ["Ran", `${environment.name} ${environment.version}`],
    ["Sandbox", `${runtime.driver} (${runtime.version}), state ${record.state}`],
    [
      "Protections",
      `${protections.length - missing.length} of ${protections.length}${missing.length === 0 ? "" : `; not in force: ${missing.join(", ")}`}`,
    ],
    ["Package", record.packageDigest],
    ["Raw file", `sha256:${record.rawSha256}`],
    ["Output", `sha256:${record.outputSha256}`],
  ];
  const taken = PHASES.map((name) => ({ name, ms: timingsMs[name] })).filter(({ ms }) => ms > 0);
  return markup`<div class="card">
    <h2>How it went</h2>
    ${drawProfile(taken)}
    <table>
      <tbody>
        ${taken.map(
          ({ name, ms }) =>
            markup`<tr>
              <th scope="row">${name}</th>
              <td>${formatMs(ms)}</td>
            </tr> `,
        )}
      </tbody>
    </table>
    <table>
      <tbody>
        ${facts.map(
          ([name, value]) =>
            markup`<tr>
              <th scope="row">${name}</th>
              <td class="mono">${value}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
