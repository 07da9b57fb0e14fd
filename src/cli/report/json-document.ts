import type { Run } from "../../domain/run.ts";
import type { ErrorDocument } from "../complain.ts";
import { writeRun } from "./write-run.ts";

/**
 * The document of `--json`, run by run: protocol/schemas/run-document.json. It is complete only after `end`.
 */
export class JsonDocument {
  readonly #write: (text: string) => Promise<void>;
  #runs = 0;

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write;
  }

  async add(name: string, run: Run): Promise<void> {
    await this.#write(this.#runs === 0 ? '{"runs":[\n' : ",\n");
    this.#runs += 1;
    await writeRun(run, name, this.#write);
  }

  /** `error`: what kept the rest from being run. */
  async end(error?: ErrorDocument): Promise<void> {
    const tail = error === undefined ? "" : `,"error":${JSON.stringify(error)}`;
    await this.#write(`${this.#runs > 0 ? "\n" : '{"runs":['}]${tail}}\n`);
  }
}
