import { cut } from "../../terminal/columns.ts";
import { printable } from "../../terminal/printable.ts";
import { nameOf } from "../relations.ts";
import { type Html, markup } from "./markup.ts";
import { type Edge, type Graph, isFinding, type Node } from "./place-nodes.ts";

const NODE_WIDTH = 220;
const NODE_HEIGHT = 38;
const COLUMN_WIDTH = 290;
const ROW_HEIGHT = 48;
const MARGIN = 12;
const MOST_COLUMNS = 27;

/** @param anchorOf id of the element that shows an object; null: none does */
export function drawGraph(graph: Graph, anchorOf: (key: string) => string | null): Html {
  const width =
    MARGIN * 2 + Math.max(0, ...graph.nodes.map(({ column }) => column)) * COLUMN_WIDTH + NODE_WIDTH;
  const height = MARGIN * 2 + Math.max(0, ...graph.nodes.map(({ row }) => row)) * ROW_HEIGHT + NODE_HEIGHT;
  return markup`<svg
    width="${width}"
    height="${height}"
    viewBox="0 0 ${width} ${height}"
    role="group"
    aria-label="Relations between objects"
  >
    ${graph.edges.map((edge) => drawEdge(edge))}
    ${graph.nodes.map((node) => drawNode(node, anchorOf(node.key)))}
  </svg>`;
}

function drawEdge({ from, to, field }: Edge): Html {
  const [x1, y1] = [leftOf(from), middleOf(from)];
  const [x2, y2] = [leftOf(to) + NODE_WIDTH, middleOf(to)];
  const bend = Math.max(30, Math.abs(x1 - x2) / 2);
  return markup`<path class="edge" d="M${x1} ${y1} C${x1 - bend} ${y1} ${x2 + bend} ${y2} ${x2 + 6} ${y2}"
      ><title>${from.key} · ${field} · ${to.key}</title></path
    ><path class="head" d="M${x2} ${y2} l7 -3.5 v7 z" /> `;
}

function drawNode(node: Node, anchor: string | null): Html {
  const { type, key } = nameOf(node.key);
  const [x, y] = [leftOf(node), middleOf(node) - NODE_HEIGHT / 2];
  const kind = node.object === null ? " elsewhere" : isFinding(node.object) ? " finding" : "";
  const shape = markup`<title>${node.key}</title>
    <rect class="node${kind}" x="${x}" y="${y}" width="${NODE_WIDTH}" height="${NODE_HEIGHT}" rx="6" /><text
      class="kind"
      x="${x + 9}"
      y="${y + 14}"
      >${cut(printable(type), MOST_COLUMNS)}</text
    ><text x="${x + 9}" y="${y + 29}">${cut(printable(key), MOST_COLUMNS)}</text>`;
  return anchor === null ? markup`<g>${shape}</g> ` : markup`<a href="#${anchor}">${shape}</a> `;
}

function leftOf({ column }: Node): number {
  return MARGIN + column * COLUMN_WIDTH;
}

function middleOf({ row }: Node): number {
  return MARGIN + row * ROW_HEIGHT + NODE_HEIGHT / 2;
}
