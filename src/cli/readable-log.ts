import type { Log, LogFields } from "../telemetry/log.ts";
import { printable } from "./terminal/printable.ts";
import type { Terminal } from "./terminal/terminal.ts";

/** One short line for people: time, message, what it is about. */
export function readableLog(err: (text: string) => void, { paint }: Terminal): Log {
  const line = (colour: "yellow" | "red" | null) => {
    return (message: string, fields: LogFields = {}): void => {
      const time = new Date().toTimeString().slice(0, 8);
      const said = colour === null ? message : paint(colour, message);
      err(`${paint("dim", time)} ${said}${describe(fields)}\n`);
    };
  };
  return { debug: () => {}, info: line(null), warn: line("yellow"), error: line("red") };
}

function describe(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([key, value]) => `  ${key}=${printable(typeof value === "string" ? value : JSON.stringify(value))}`)
    .join("");
}
