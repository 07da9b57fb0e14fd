import type { Environment } from "../../config/settings.ts";

/** What is known of the place where text is shown. */
export interface Terminal {
  readonly isTty: boolean;
  /** Width in columns. */
  readonly columns: number;
  readonly paint: Paint;
}

export type Colour = "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "magenta" | "cyan";
/** Colours a text that is printable already, where colours are wanted. */
type Paint = (colour: Colour, text: string) => string;

/** Codes of ECMA-48, SGR: on and off. */
const SGR: Readonly<Record<Colour, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  magenta: [35, 39],
  cyan: [36, 39],
};

/** Where output that goes to no terminal is broken; README lines fit. */
const DEFAULT_COLUMNS = 110;
const LEAST_COLUMNS = 40;

/** Colours: `FORCE_COLOR` other than 0 wins, then `NO_COLOR` (no-color.org), then whether it is a terminal. */
export function describeTerminal(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  env: Environment,
): Terminal {
  const isTty = stream.isTTY === true;
  const columns = (isTty ? stream.columns : Number(env["COLUMNS"])) || DEFAULT_COLUMNS;
  return {
    isTty,
    columns: Math.max(LEAST_COLUMNS, Math.min(columns, 1000)),
    paint: wantsColour(isTty, env) ? paintSgr : (_colour, text) => text,
  };
}

function wantsColour(isTty: boolean, env: Environment): boolean {
  const forced = env["FORCE_COLOR"];
  if (forced !== undefined) return forced !== "0" && forced !== "false";
  if ((env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb") return false;
  return isTty;
}

function paintSgr(colour: Colour, text: string): string {
  const [on, off] = SGR[colour];
  return text === "" ? "" : `\u001b[${on}m${text}\u001b[${off}m`;
}
