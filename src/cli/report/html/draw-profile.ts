import { formatMs } from "../../../domain/quantity.ts";
import { type Html, markup } from "./markup.ts";

export interface ProfilePart {
  readonly name: string;
  readonly ms: number;
}

const WIDTH = 720;
const ROW_HEIGHT = 20;
/** About as wide as a character of the labels. */
const CHARACTER_WIDTH = 6.6;

/** The phases of a task one after another below the whole, as wide as they were long; what took no time is left out. */
export function drawProfile(parts: readonly ProfilePart[]): Html {
  const taken = parts.filter(({ ms }) => ms > 0);
  const totalMs = taken.reduce((sum, { ms }) => sum + ms, 0);
  if (totalMs === 0) return markup``;
  let before = 0;
  const boxes = taken.map(({ name, ms }, index) => {
    const x = (before / totalMs) * WIDTH;
    before += ms;
    const share = `${((ms / totalMs) * 100).toFixed(ms / totalMs < 0.1 ? 1 : 0)} %`;
    const title = `${name}: ${formatMs(ms)}, ${share}`;
    return box(title, name, x, (ms / totalMs) * WIDTH, 1, index % 2 === 0 ? "even" : "odd");
  });
  const height = 2 * ROW_HEIGHT;
  return markup`<svg
    class="profile"
    width="${WIDTH}"
    height="${height}"
    viewBox="0 0 ${WIDTH} ${height}"
    role="img"
    aria-label="${taken.map(({ name, ms }) => `${name} ${formatMs(ms)}`).join(", ")}"
  >
    ${box(`all: ${formatMs(totalMs)}`, `all ${formatMs(totalMs)}`, 0, WIDTH, 0, "whole")} ${boxes}
  </svg>`;
}

function box(title: string, label: string, x: number, width: number, row: number, kind: string): Html {
  const y = row * ROW_HEIGHT;
  const shown = Math.max(0.5, width - 0.5);
  const text =
    label.length * CHARACTER_WIDTH + 8 > width
      ? ""
      : markup`<text x="${(x + 4).toFixed(1)}" y="${y + 14}">${label}</text>`;
  return markup`<g
    ><title>${title}</title
    ><rect class="${kind}" x="${x.toFixed(1)}" y="${y}" width="${shown.toFixed(1)}" height="${ROW_HEIGHT - 1}" />${text}</g
  > `;
}
