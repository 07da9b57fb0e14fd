import { hostname } from "node:os";

/** By which a person finds the process that did something: `host/1234`. */
export function workerName(): string {
  return `${hostname()}/${process.pid}`;
}
