import { drawProfile } from "../src/cli/report/html/draw-profile.ts";

const STYLE = `svg { font: 12px system-ui, sans-serif; background: #fff; }
text { fill: #1d2126; }
rect { fill: #eef3f8; stroke: #c9d3dd; }
rect.odd { fill: #fdebe9; }
rect.whole { fill: none; }`;

/** The phases of a task as a picture of its own: what `readPhases` read, or `phasesMs` of a measurement. */
export function phasesChart(phasesMs: Readonly<Record<string, number>>): string {
  const { text } = drawProfile(Object.entries(phasesMs).map(([name, ms]) => ({ name, ms })));
  return `${text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"').replace(">", `><style>${STYLE}</style>`)}\n`;
}
