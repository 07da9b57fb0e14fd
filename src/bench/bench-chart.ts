import { type BenchTable, DOCKER_RUN, findRow } from "./bench-table.ts";
import { figure } from "./text-table.ts";

const WIDTH = 900;
const ROW = 22;
const BAR = 14;
const LEFT = 230;
const RIGHT = 690;
const RATIO = 790;
const TOP = 78;
/** Of the axis, milliseconds: each tenfold step is as wide as the others. */
const LEAST_MS = 0.1;

/** Colours that can be read on both grounds are the same in both. */
const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .quiet { fill: #59636e; }
  .figure { font-variant-numeric: tabular-nums; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; }
  .label { text-anchor: end; }
  .tick { text-anchor: middle; font-size: 11px; }
  .ground { fill: #ffffff; }
  .grid { stroke: #d1d9e0; }
  .beside { fill: #818b98; }
  .fresh { fill: #bc4c00; }
  .fork { fill: #0969da; }
  .reuse { fill: #1a7f37; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .figure { stroke: #0d1117; }
    .ground { fill: #0d1117; }
    .grid { stroke: #3d444d; }
    .beside { fill: #656c76; }
    .fresh { fill: #db6d28; }
    .fork { fill: #4493f8; }
    .reuse { fill: #3fb950; }
  }
`;

/** The table's medians of one run as bars, on a logarithmic axis. Whole in itself; follows light and dark. */
export function benchChart({ machine, at, rows: all }: BenchTable): string {
  const rows = all.filter(({ how, language }) => how !== "bare" && language !== "javascript");
  const mostMs = Math.max(1, ...rows.map(({ runMs }) => runMs.p50));
  const decades = Math.max(1, Math.ceil(Math.log10(mostMs / LEAST_MS)));
  const x = (ms: number): number =>
    LEFT + (Math.max(0, Math.log10(ms / LEAST_MS)) / decades) * (RIGHT - LEFT);
  const bottom = TOP + rows.length * ROW;
  const compared = findRow(rows, DOCKER_RUN) !== undefined;
  const grid = Array.from({ length: decades + 1 }, (_, step) => {
    const ms = LEAST_MS * 10 ** step;
    const at_ = x(ms).toFixed(1);
    const label = ms >= 1000 ? `${ms / 1000} s` : `${Number(ms.toPrecision(1))} ms`;
    return [
      `<line class="grid" x1="${at_}" x2="${at_}" y1="${TOP - 4}" y2="${bottom}"/>`,
      `<text class="quiet tick" x="${at_}" y="${TOP - 9}">${label}</text>`,
    ].join("");
  });
  const bars = rows.map(({ runtime, how, runMs, timesFaster }, index) => {
    const y = TOP + index * ROW;
    const colour = how === "fresh" || how === "fork" || how === "reuse" ? how : "beside";
    const kind = runtime === "in-process" ? "beside" : colour;
    const end = Math.max(LEFT + 2, x(runMs.p50));
    const times = timesFaster.thanDockerRun;
    const ratio = times === null || runtime === DOCKER_RUN.runtime ? "" : `${figure(times)} ×`;
    const middle = y + BAR - 2;
    return [
      `<text class="label" x="${LEFT - 8}" y="${middle}">${escape(runtime)} <tspan class="quiet">${escape(how)}</tspan></text>`,
      `<rect class="${kind}" x="${LEFT}" y="${y}" width="${(end - LEFT).toFixed(1)}" height="${BAR}" rx="2"/>`,
      `<text class="figure" x="${(end + 6).toFixed(1)}" y="${middle}">${figure(runMs.p50)} ms</text>`,
      `<text class="quiet figure" x="${RATIO}" y="${middle}">${ratio}</text>`,
    ].join("");
  });
  const height = bottom + 34;
  const about = [
    `${machine["cores"]} cores ${machine["processor"]}`,
    `Linux ${machine["kernel"]}`,
    `Node.js ${machine["node"]}`,
    at.slice(0, 10),
  ].join(", ");
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="Time of one run in each runtime">`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}" rx="6"/>`,
    `<text class="title" x="16" y="26">One run of a small Python normalizer: 4 kB in, 200 objects out</text>`,
    `<text class="quiet" x="16" y="45">Median, logarithmic; shorter is better</text>`,
    ...(compared
      ? [
          `<text class="quiet" x="${RATIO}" y="${TOP - 27}">faster than</text>`,
          `<text class="quiet" x="${RATIO}" y="${TOP - 10}">docker run</text>`,
        ]
      : []),
    ...grid,
    ...bars,
    `<text class="quiet tick" style="text-anchor: start" x="16" y="${height - 12}">${escape(about)}</text>`,
    "</svg>",
    "",
  ].join("\n");
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
