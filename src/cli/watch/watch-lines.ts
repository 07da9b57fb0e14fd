import type { Run } from "../../domain/run.ts";
import type { Inputs } from "../../raw/input.ts";
import type { ErrorDocument } from "../complain.ts";
import { writeRun } from "../report/write-run.ts";
import { LastOutputs } from "./last-outputs.ts";
import type { Change } from "./watch-files.ts";
import type { WatchReport } from "./watch-report.ts";

/**
 * Tells a program, one JSON object a line: `{"event":"begin"}` with what was saved, `run` (as in
 * protocol/schemas/run-document.json, with `differences` from the last success), `error`, `waiting`.
 */
export class WatchLines implements WatchReport {
  readonly #write: (text: string) => Promise<void>;
  readonly #outputs = new LastOutputs();

  constructor(write: (text: string) => Promise<void>) {
    this.#write = write;
  }

  begin(change: Change | null, { skipped }: Inputs): Promise<void> {
    return this.#line({ event: "begin", saved: change?.files ?? [], skipped });
  }

  async add(name: string, run: Run, change: Change | null): Promise<void> {
    const differences = this.#outputs.compare(name, run);
    await this.#write(
      `{"event":"run","sinceSavedMs":${JSON.stringify(sinceSaved(change))},"differences":${JSON.stringify(differences)},"run":`,
    );
    await writeRun(run, name, this.#write);
    await this.#write("}\n");
  }

  async complain(error: ErrorDocument, change: Change | null): Promise<void> {
    await this.#line({ event: "error", saved: change?.files ?? [], error });
    await this.end();
  }

  end(): Promise<void> {
    return this.#line({ event: "waiting" });
  }

  #line(event: object): Promise<void> {
    return this.#write(`${JSON.stringify(event)}\n`);
  }
}

function sinceSaved(change: Change | null): number | null {
  return change === null ? null : Math.round(performance.now() - change.noticedMs);
}
